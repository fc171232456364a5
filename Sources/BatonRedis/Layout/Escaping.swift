/// Names inside keys: letters, digits and `.` `_` `~` `-` stand for themselves, every other byte is `%` and two digits, so that `:`,
/// `{`, `}`, `*` and NUL in names never mean anything (RFC 3986 §2.1, with upper-case digits).
enum Escaping {
    static func append(_ name: String, to bytes: inout [UInt8]) {
        let digits: StaticString = "0123456789ABCDEF"
        for byte in name.utf8 {
            if isPlain(byte) {
                bytes.append(byte)
            } else {
                bytes.append(UInt8(ascii: "%"))
                bytes.append(digits.utf8Start[Int(byte >> 4)])
                bytes.append(digits.utf8Start[Int(byte & 15)])
            }
        }
    }

    /// The name that was escaped; nil when `bytes` are not of this make.
    static func name(_ bytes: some Collection<UInt8>) -> String? {
        var plain: [UInt8] = []
        plain.reserveCapacity(bytes.count)
        var rest = bytes.makeIterator()
        while let byte = rest.next() {
            if byte == UInt8(ascii: "%") {
                guard let high = rest.next().flatMap(digit), let low = rest.next().flatMap(digit) else { return nil }
                plain.append(high << 4 | low)
            } else {
                guard isPlain(byte) else { return nil }
                plain.append(byte)
            }
        }
        return String(validating: plain, as: UTF8.self)
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
            UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"), UInt8(ascii: "-"):
            true
        default: false
        }
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}

/// The member that stands for a session in an application's list: user and id as one sequence of bytes that sorts as the pair does.
///
/// NUL ends the user, and NUL inside the user is followed by 255, which is no byte of UTF-8 (RFC 3629 §1): so what follows the
/// end always sorts before what follows a NUL inside.
enum ListMember {
    static func of(user: String, id: String) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(user.utf8.count + id.utf8.count + 1)
        for byte in user.utf8 {
            bytes.append(byte)
            if byte == 0 { bytes.append(255) }
        }
        bytes.append(0)
        bytes.append(contentsOf: id.utf8)
        return bytes
    }

    static func parse(_ bytes: ArraySlice<UInt8>) -> (user: String, id: String)? {
        var user: [UInt8] = []
        var index = bytes.startIndex
        while index < bytes.endIndex {
            let byte = bytes[index]
            let next = bytes.index(after: index)
            guard byte == 0 else {
                user.append(byte)
                index = next
                continue
            }
            if next < bytes.endIndex, bytes[next] == 255 {
                user.append(0)
                index = bytes.index(after: next)
                continue
            }
            guard let user = String(validating: user, as: UTF8.self), let id = String(validating: bytes[next...], as: UTF8.self) else { return nil }
            return (user, id)
        }
        return nil
    }
}
