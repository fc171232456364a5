/// The slot of a cluster that a key belongs to (redis.io, "Redis cluster specification", Key distribution model).
public enum HashSlot {
    /// How many slots a cluster has.
    public static let count = 16_384

    /// The slot of a key: of what stands between the first `{` and the next `}` when that is not empty, else of the whole key.
    public static func of(_ key: RedisKey) -> Int {
        of(bytes: key.bytes[...])
    }

    /// The slot of the bytes of a key.
    public static func of(bytes: ArraySlice<UInt8>) -> Int {
        var hashed = bytes
        if let open = bytes.firstIndex(of: UInt8(ascii: "{")) {
            let afterOpen = bytes.index(after: open)
            if let close = bytes[afterOpen...].firstIndex(of: UInt8(ascii: "}")), close > afterOpen { hashed = bytes[afterOpen..<close] }
        }
        return Int(CRC16.of(hashed)) & (count - 1)
    }

    /// The one slot that all keys belong to; nil when there are no keys.
    /// - Throws: ``RedisError`` with the code `crossSlot`.
    static func common(_ keys: [RedisKey]) throws(RedisError) -> Int? {
        guard let first = keys.first else { return nil }
        let slot = of(first)
        for (index, key) in keys.enumerated().dropFirst() where of(key) != slot {
            throw RedisError(
                .crossSlot,
                "key \(index + 1) of the command belongs to another slot than key 1; keys used together need a common part in braces, such as {user}")
        }
        return slot
    }
}

/// CRC-16 with the polynomial 0x1021 and nothing inverted ("XMODEM"), which is what the cluster specification names.
enum CRC16 {
    private static let table: [UInt16] = (0..<256).map { byte in
        var crc = UInt16(byte) << 8
        for _ in 0..<8 { crc = crc & 0x8000 != 0 ? crc << 1 ^ 0x1021 : crc << 1 }
        return crc
    }

    static func of(_ bytes: ArraySlice<UInt8>) -> UInt16 {
        var crc: UInt16 = 0
        for byte in bytes { crc = crc << 8 ^ table[Int(crc >> 8 ^ UInt16(byte))] }
        return crc
    }
}
