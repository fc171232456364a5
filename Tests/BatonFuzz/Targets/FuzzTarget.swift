/// The places where bytes from outside come in. Each takes any bytes at all; it throws where a promise about them does not hold, and must not
/// trap, hang or grow without a bound.
enum FuzzTarget: String, CaseIterable, Sendable {
    /// What a Redis server sends, up to the values that commands read from it.
    case resp
    /// What Redis keeps for a store: records of sessions, events, topics, groups.
    case records
    /// HTTP requests on a connection.
    case requests
    /// HTTP answers on a connection, and event streams.
    case responses
    /// JSON, the bodies of requests, and what a daemon answers.
    case json
    /// Addresses of stores, servers and web hooks.
    case addresses
    /// Offsets, cursors, times and other words that have a text form.
    case places
    /// Command lines, variables and configuration files.
    case settings
    /// Whole requests, answered by a daemon on a store.
    case api

    /// Feeds the bytes to the target.
    func run(_ bytes: [UInt8]) async throws(Violation) {
        switch self {
        case .resp: try RESPTarget.run(bytes)
        case .records: try RecordsTarget.run(bytes)
        case .requests: try RequestsTarget.run(bytes)
        case .responses: try ResponsesTarget.run(bytes)
        case .json: try JSONTarget.run(bytes)
        case .addresses: try AddressesTarget.run(bytes)
        case .places: try PlacesTarget.run(bytes)
        case .settings: try SettingsTarget.run(bytes)
        case .api: try await APITarget.run(bytes)
        }
    }
}

/// A promise that some bytes have shown to be none.
struct Violation: Error, CustomStringConvertible {
    let description: String

    /// Throws when the promise does not hold.
    static func unless(_ holds: Bool, _ promise: @autoclosure () -> String) throws(Violation) {
        if !holds { throw Violation(description: promise()) }
    }
}

/// One input as pieces, as a network might deliver it. The first byte decides where it is cut, so that the same input is always cut alike.
struct Pieces: Sequence {
    let whole: ArraySlice<UInt8>
    private let seed: UInt8

    init(_ bytes: [UInt8]) {
        seed = bytes.first ?? 0
        whole = bytes.dropFirst()
    }

    func makeIterator() -> AnyIterator<ArraySlice<UInt8>> {
        var rest = whole
        var state = UInt32(seed) | 1
        return AnyIterator {
            guard !rest.isEmpty else { return nil }
            state = state &* 1_664_525 &+ 1_013_904_223
            let piece = rest.prefix(1 + Int(state >> 24) % (seed & 1 == 0 ? 3 : 40))
            rest = rest.dropFirst(piece.count)
            return piece
        }
    }
}
