public import BatonCore

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

extension JSON {
    /// A value encoded with `JSONEncoder`; for convenience, not for speed.
    /// - Throws: ``StoreError/Code/invalidJSON`` when it cannot be encoded.
    public init(encoding value: some Encodable) throws(StoreError) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.withoutEscapingSlashes, .sortedKeys]
        let data: Data
        do { data = try encoder.encode(value) } catch {
            throw StoreError(.invalidJSON, "the value cannot be encoded as JSON", underlying: error)
        }
        try self.init([UInt8](data))
    }

    /// The value decoded with `JSONDecoder`; for convenience, not for speed.
    /// - Throws: ``StoreError/Code/invalidJSON`` when it has another shape.
    public func decode<Value: Decodable>(as type: Value.Type = Value.self) throws(StoreError) -> Value {
        do { return try JSONDecoder().decode(type, from: Data(bytes)) } catch {
            throw StoreError(.invalidJSON, "the JSON value has not the shape of \(type)", underlying: error)
        }
    }
}
