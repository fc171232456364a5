internal import BatonCore
internal import Testing

extension StorageContract {
    static let signals: [StorageContract] = [
        StorageContract("a signal reaches everybody who listens to its channel, in order, and nobody else") { subject in
            let storage = subject.storage
            let heard = Guarded<[String: [String]]>([:])
            func listen(_ name: String, to channel: String) async throws -> StorageObservation {
                try await storage.listen(to: channel) { payload in heard.withLock { $0[name, default: []].append(payload.description) } }
            }
            let first = try await listen("first", to: "a:{b}")
            let second = try await listen("second", to: "a:{b}")
            let other = try await listen("other", to: "a:{c}")
            for number in 1...20 { try await storage.signal(.of(#"{"n":\#(number)}"#), on: "a:{b}") }
            try await storage.signal(JSON(string: "end"), on: "a:{c}")
            let expected = (1...20).map { #"{"n":\#($0)}"# }
            #expect(
                await eventually { heard.withLock { $0 } == ["first": expected, "second": expected, "other": [#""end""#]] },
                "\(heard.withLock { $0 })")
            first.cancel()
            try await storage.signal(.null, on: "a:{b}")
            #expect(await eventually { heard.withLock { $0["second"] } == expected + ["null"] })
            #expect(heard.withLock { $0["first"] } == expected)
            second.cancel()
            other.cancel()
            // Nobody listens: that is no failure.
            try await storage.signal(.null, on: "a:{b}")
        },

        StorageContract("a signal that was sent before listening began is not heard") { subject in
            let storage = subject.storage
            try await storage.signal(JSON(string: "early"), on: "c")
            let heard = Guarded<[String]>([])
            let observation = try await storage.listen(to: "c") { payload in heard.withLock { $0.append(payload.stringValue ?? "?") } }
            try await storage.signal(JSON(string: "now"), on: "c")
            #expect(await eventually { heard.withLock { !$0.isEmpty } })
            #expect(heard.withLock { $0 } == ["now"])
            observation.cancel()
        },
    ]
}
