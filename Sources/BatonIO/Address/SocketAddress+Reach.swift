extension SocketAddress {
    /// Whether anybody on the Internet may stand behind it: false for this machine, private and link-local networks, groups, documentation,
    /// and whatever else the registries of RFC 6890 do not hold to be globally reachable. What an IPv6 address carries an IPv4 address in is
    /// judged by that one.
    public var isGlobal: Bool {
        switch self {
        case .unix: false
        case .ipv4(let address, _): SocketAddress.isGlobal(UInt32(bigEndian: address))
        case .ipv6(let high, let low, _, _): SocketAddress.isGlobal(high: high, low: low)
        }
    }

    private static func isGlobal(_ address: UInt32) -> Bool {
        !special.contains { address >> (32 - $0.length) == $0.prefix >> (32 - $0.length) }
    }

    private static func isGlobal(high: UInt64, low: UInt64) -> Bool {
        let embedded = UInt32(truncatingIfNeeded: low)
        // ::ffff:a.b.c.d (RFC 4291 §2.5.5.2) and 64:ff9b::a.b.c.d (RFC 6052 §2.1).
        if high == 0, low >> 32 == 0xFFFF { return isGlobal(embedded) }
        if high == 0x0064_FF9B_0000_0000, low >> 32 == 0 { return isGlobal(embedded) }
        // 2002:aabb:ccdd::/48 (RFC 3056 §2).
        if high >> 48 == 0x2002 { return isGlobal(UInt32(truncatingIfNeeded: high >> 16)) }
        // Only 2000::/3 is given out; in it, 2001::/23 is for protocols (Teredo among them), 2001:db8::/32 and 3fff::/20 for documentation.
        return high >> 61 == 0b001 && high >> 41 != 0x2001_0000 >> 9 && high >> 32 != 0x2001_0DB8 && high >> 44 != 0x3FFF0
    }

    /// Networks that are not globally reachable (IANA IPv4 Special-Purpose Address Registry), multicast and class E.
    private static let special: [(prefix: UInt32, length: UInt32)] = [
        (0x0000_0000, 8), (0x0A00_0000, 8), (0x6440_0000, 10), (0x7F00_0000, 8), (0xA9FE_0000, 16), (0xAC10_0000, 12), (0xC000_0000, 24),
        (0xC000_0200, 24), (0xC058_6300, 24), (0xC0A8_0000, 16), (0xC612_0000, 15), (0xC633_6400, 24), (0xCB00_7100, 24), (0xE000_0000, 4),
        (0xF000_0000, 4),
    ]
}
