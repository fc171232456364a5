// BatonCore
