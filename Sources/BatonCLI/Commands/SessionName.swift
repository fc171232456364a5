internal import BatonCore

/// A name as it is given on a command line: `APP/USER/SESSION`, or its last parts when `--app` and `--user` say the first.
///
/// A part that holds `/` or `%` is written as in a URL: `%2F`, `%25`.
struct SessionName {
    static let argument = Argument(name: "SESSION", help: "APP/USER/SESSION; a / inside a name is written %2F")

    private let parts: [String]
    private let text: String
    private let invocation: Invocation

    init(_ text: String, in invocation: Invocation) throws(UsageError) {
        self.text = text
        self.invocation = invocation
        var parts: [String] = []
        for part in text.split(separator: "/", omittingEmptySubsequences: false) {
            guard let decoded = SessionName.decoded(part) else {
                throw UsageError(
                    message: "\(TerminalText.quoted(text)): % has to be followed by two hexadecimal digits; write %25 for a percent sign")
            }
            parts.append(decoded)
        }
        self.parts = parts
    }

    /// The session that is meant.
    func session() throws -> SessionKey {
        let app = invocation[OwnerOptions.app]
        let user = invocation[OwnerOptions.user]
        switch (parts.count, app, user) {
        case (3, _, _): return try checked { () throws(StoreError) in try SessionKey(app: parts[0], user: parts[1], id: parts[2]) }
        case (2, let app?, _): return try checked { () throws(StoreError) in try SessionKey(app: app, user: parts[0], id: parts[1]) }
        case (1, let app?, let user?): return try checked { () throws(StoreError) in try SessionKey(app: app, user: user, id: parts[0]) }
        default: throw incomplete("APP/USER/SESSION")
        }
    }

    /// The user that is meant.
    func user() throws -> UserKey {
        switch (parts.count, invocation[OwnerOptions.app]) {
        case (2, _): return try checked { () throws(StoreError) in try UserKey(app: parts[0], user: parts[1]) }
        case (1, let app?): return try checked { () throws(StoreError) in try UserKey(app: app, user: parts[0]) }
        default: throw incomplete("APP/USER")
        }
    }

    /// The app that is meant.
    func app() throws -> String {
        guard parts.count == 1 else { throw incomplete("APP") }
        return try checked { () throws(StoreError) in try Name.checked(parts[0], "app") }
    }

    /// How many parts were given.
    var count: Int { parts.count }

    /// A session's name as it can be given again.
    static func text(_ key: SessionKey) -> String { [key.app, key.user, key.id].map(encoded).joined(separator: "/") }

    /// A part as it can be given again.
    static func encoded(_ part: String) -> String { part.replacing("%", with: "%25").replacing("/", with: "%2F") }

    private static func decoded(_ part: Substring) -> String? {
        guard part.utf8.contains(UInt8(ascii: "%")) else { return String(part) }
        var bytes: [UInt8] = []
        var rest = part.utf8[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%") {
                guard let digits = String(rest.prefix(2)), digits.utf8.count == 2, digits.utf8.first != UInt8(ascii: "+"),
                    let value = UInt8(digits, radix: 16)
                else { return nil }
                bytes.append(value)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return String(validating: bytes, as: UTF8.self)
    }

    private func incomplete(_ form: String) -> UsageError {
        UsageError(
            message:
                "\(TerminalText.quoted(text)) is not \(form); parts may be left out at the front when --app and --user (or BATON_APP and BATON_USER) say them",
            command: invocation.path.text)
    }

    private func checked<Key>(_ make: () throws(StoreError) -> Key) throws -> Key {
        do throws(StoreError) { return try make() } catch { throw UsageError(message: error.message, command: invocation.path.text) }
    }
}

extension Invocation {
    /// The session that the argument SESSION names.
    func session() throws -> SessionKey { try SessionName(self[argument: SessionName.argument.name] ?? "", in: self).session() }
}
