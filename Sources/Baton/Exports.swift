// What users import: `import Baton` brings the store, its model and its errors.
@_exported public import BatonCore
