internal import BatonCore
internal import Testing

extension StorageContract {
    static let toolCalls: [StorageContract] = [
        StorageContract("a tool call is reserved once, completed, and its result is there for whoever asks again") { subject in
            let key = try await subject.created()
            let first = try await subject.storage.reserve(.charge(holder: "a"), in: key, epoch: nil)
            #expect(first.granted)
            #expect(first.call.status == .reserved && first.call.attempt == 1 && first.call.holder == "a")
            #expect(first.call.heldUntil == subject.clock.now().adding(seconds: 60))
            subject.clock.advance(seconds: 5)
            let done = try await subject.storage.finish("charge", in: key, .completed(.of(#"{"paid":true}"#)), attempt: 1, epoch: nil)
            #expect(done.status == .completed)
            #expect(done.result == (try .of(#"{"paid":true}"#)))
            #expect(done.heldUntil == nil)
            let again = try await subject.storage.reserve(.charge(holder: "b"), in: key, epoch: nil)
            #expect(!again.granted)
            #expect(again.call == done)
            #expect(try await subject.storage.toolCall("charge", in: key) == done)
        },

        StorageContract("while a worker holds a tool call it is nobody else's") { subject in
            let key = try await subject.created()
            let (held, _) = try await subject.storage.reserve(.charge(holder: "a"), in: key, epoch: nil)
            let error = await refused(.busy) { _ = try await subject.storage.reserve(.charge(holder: "b"), in: key, epoch: nil) }
            #expect(error?.detail == .toolCall(held))
            // Also not the same worker's once more: it may be running in an earlier life.
            await refused(.busy) { _ = try await subject.storage.reserve(.charge(holder: "a"), in: key, epoch: nil) }
            subject.clock.advance(milliseconds: 59_999)
            await refused(.busy) { _ = try await subject.storage.reserve(.charge(holder: "b"), in: key, epoch: nil) }
        },

        StorageContract("a call whose worker was lost is ambiguous, and is not run again unless somebody says so") { subject in
            let key = try await subject.created()
            _ = try await subject.storage.reserve(.charge(), in: key, epoch: nil)
            subject.clock.advance(seconds: 60)
            let (call, granted) = try await subject.storage.reserve(.charge(), in: key, epoch: nil)
            #expect(!granted)
            #expect(call.status == .ambiguous && call.attempt == 1 && call.heldUntil == nil)
            #expect(try await subject.storage.toolCall("charge", in: key).status == .ambiguous)
            #expect(try await subject.storage.toolCalls(in: key, ToolCallQuery(status: .ambiguous)).calls == [call])
            #expect(try await subject.storage.toolCalls(in: key, ToolCallQuery(status: .reserved)).calls.isEmpty)
        },

        StorageContract("an ambiguous call is resolved by hand") { subject in
            let key = try await subject.created()
            _ = try await subject.storage.reserve(.charge(), in: key, epoch: nil)
            await refused(.conflict) { _ = try await subject.storage.finish("charge", in: key, .completed(.null), attempt: nil, epoch: nil) }
            subject.clock.advance(seconds: 60)
            await refused(.conflict) { _ = try await subject.storage.finish("charge", in: key, .extended(5000), attempt: nil, epoch: nil) }
            let call = try await subject.storage.finish("charge", in: key, .completed(.of("1")), attempt: nil, epoch: nil)
            #expect(call.status == .completed && call.attempt == 1)
            #expect(try await !subject.storage.reserve(.charge(), in: key, epoch: nil).granted)
        },

        StorageContract("an ambiguous call is run again, or counted as failed, where the policy says so") { subject in
            let key = try await subject.created()
            _ = try await subject.storage.reserve(.charge(), in: key, epoch: nil)
            subject.clock.advance(seconds: 60)
            let failed = try await subject.storage.reserve(.charge(policy: .fail), in: key, epoch: nil)
            #expect(!failed.granted)
            #expect(failed.call.status == .failed && failed.call.attempt == 1 && failed.call.error != nil)
            let second = try await subject.storage.reserve(.charge(), in: key, epoch: nil)
            #expect(second.granted && second.call.attempt == 2 && second.call.error == nil)
            subject.clock.advance(seconds: 60)
            let third = try await subject.storage.reserve(.charge(holder: "c", policy: .retry), in: key, epoch: nil)
            #expect(third.granted && third.call.attempt == 3 && third.call.status == .reserved && third.call.holder == "c")
        },

        StorageContract("a worker whose attempt is over can say nothing any more") { subject in
            let key = try await subject.created()
            _ = try await subject.storage.reserve(.charge(), in: key, epoch: nil)
            subject.clock.advance(seconds: 60)
            let (call, _) = try await subject.storage.reserve(.charge(policy: .retry), in: key, epoch: nil)
            for outcome in [ToolOutcome.completed(.null), .failed(.null), .extended(5000)] {
                let error = await refused(.fenced) { _ = try await subject.storage.finish("charge", in: key, outcome, attempt: 1, epoch: nil) }
                #expect(error?.detail == .toolCall(call))
            }
            await refused(.fenced) { _ = try await subject.storage.finish("charge", in: key, .completed(.null), attempt: 3, epoch: nil) }
            #expect(try await subject.storage.toolCall("charge", in: key) == call)
        },

        StorageContract("a worker that is late, but before anybody else, may still say how it ended") { subject in
            let key = try await subject.created()
            _ = try await subject.storage.reserve(.charge(), in: key, epoch: nil)
            subject.clock.advance(seconds: 61)
            #expect(try await subject.storage.finish("charge", in: key, .completed(.of("7")), attempt: 1, epoch: nil).result == (try .of("7")))
        },

        StorageContract("a call that failed is run again as the next attempt") { subject in
            let key = try await subject.created()
            _ = try await subject.storage.reserve(.charge(), in: key, epoch: nil)
            let failed = try await subject.storage.finish("charge", in: key, .failed(.of(#""declined""#)), attempt: 1, epoch: nil)
            #expect(failed.status == .failed && failed.result == nil)
            #expect(failed.error == (try .of(#""declined""#)))
            let (call, granted) = try await subject.storage.reserve(.charge(), in: key, epoch: nil)
            #expect(granted && call.attempt == 2 && call.error == nil)
        },

        StorageContract("a held call is extended") { subject in
            let key = try await subject.created()
            _ = try await subject.storage.reserve(.charge(), in: key, epoch: nil)
            subject.clock.advance(seconds: 50)
            let call = try await subject.storage.finish("charge", in: key, .extended(30_000), attempt: 1, epoch: nil)
            #expect(call.status == .reserved && call.heldUntil == subject.clock.now().adding(seconds: 30))
            subject.clock.advance(seconds: 29)
            await refused(.busy) { _ = try await subject.storage.reserve(.charge(), in: key, epoch: nil) }
        },

        StorageContract("the same outcome again changes nothing; another one is a conflict") { subject in
            let key = try await subject.created()
            _ = try await subject.storage.reserve(.charge(), in: key, epoch: nil)
            let done = try await subject.storage.finish("charge", in: key, .completed(.of("1")), attempt: 1, epoch: nil)
            let version = try await subject.record(key).version
            subject.clock.advance(seconds: 5)
            #expect(try await subject.storage.finish("charge", in: key, .completed(.of("1")), attempt: 1, epoch: nil) == done)
            #expect(try await subject.record(key).version == version)
            let error = await refused(.conflict) {
                _ = try await subject.storage.finish("charge", in: key, .completed(.of("2")), attempt: 1, epoch: nil)
            }
            #expect(error?.detail == .toolCall(done))
            await refused(.conflict) { _ = try await subject.storage.finish("charge", in: key, .failed(.of("1")), attempt: 1, epoch: nil) }
            await refused(.conflict) { _ = try await subject.storage.finish("charge", in: key, .extended(5000), attempt: 1, epoch: nil) }
        },

        StorageContract("a key belongs to one call: another tool or other arguments are a conflict") { subject in
            let key = try await subject.created()
            _ = try await subject.storage.reserve(.charge(), in: key, epoch: nil)
            _ = try await subject.storage.finish("charge", in: key, .completed(.null), attempt: 1, epoch: nil)
            await refused(.conflict) {
                _ = try await subject.storage.reserve(ToolReservation(key: "charge", name: "refund", arguments: .of("5")), in: key, epoch: nil)
            }
            await refused(.conflict) {
                _ = try await subject.storage.reserve(ToolReservation(key: "charge", name: "pay", arguments: .of("6")), in: key, epoch: nil)
            }
        },

        StorageContract("tool calls belong to their session and do not care about its events") { subject in
            let key = try await subject.created()
            let other = try await subject.created("other")
            try await subject.append(.text("a"), to: key)
            _ = try await subject.storage.reserve(.charge(), in: key, epoch: nil)
            _ = try await subject.storage.finish("charge", in: key, .completed(.of("1")), attempt: 1, epoch: nil)
            #expect(try await subject.storage.reserve(.charge(), in: other, epoch: nil).granted)
            try await subject.storage.clear(key)
            #expect(try await subject.storage.toolCall("charge", in: key).result == (try .of("1")))
            _ = try await subject.storage.delete(key)
            await refused(.notFound) { _ = try await subject.storage.toolCall("charge", in: key) }
            await refused(.notFound) { _ = try await subject.storage.reserve(.charge(), in: key, epoch: nil) }
            try await subject.created()
            await refused(.notFound) { _ = try await subject.storage.toolCall("charge", in: key) }
            #expect(try await subject.storage.toolCalls(in: key, ToolCallQuery()).calls.isEmpty)
            #expect(try await subject.storage.reserve(.charge(), in: key, epoch: nil).call.attempt == 1)
        },

        StorageContract("what is absent is absent: the call, the session") { subject in
            let key = try await subject.created()
            await refused(.notFound) { _ = try await subject.storage.toolCall("charge", in: key) }
            await refused(.notFound) { _ = try await subject.storage.finish("charge", in: key, .completed(.null), attempt: 1, epoch: nil) }
            let absent = try subject.key("absent")
            await refused(.notFound) { _ = try await subject.storage.toolCall("charge", in: absent) }
            await refused(.notFound) { _ = try await subject.storage.toolCalls(in: absent, ToolCallQuery()) }
            await refused(.notFound) { _ = try await subject.storage.reserve(.charge(), in: absent, epoch: nil) }
        },

        StorageContract("each step counts as a change and restarts the session's life", StorePolicy(sessionTTL: 100)) { subject in
            let key = try await subject.created()
            var record = try await subject.record(key)
            func changed() async throws -> Bool {
                let before = record
                record = try await subject.record(key)
                return record.version == before.version + 1 && record.updatedAt == subject.clock.now()
                    && record.expiresAt == subject.clock.now().adding(seconds: 100)
            }
            subject.clock.advance(seconds: 90)
            _ = try await subject.storage.reserve(.charge(), in: key, epoch: nil)
            #expect(try await changed())
            subject.clock.advance(seconds: 50)
            _ = try await subject.storage.finish("charge", in: key, .extended(60_000), attempt: 1, epoch: nil)
            #expect(try await changed())
            subject.clock.advance(seconds: 90)
            _ = try await subject.storage.finish("charge", in: key, .completed(.null), attempt: 1, epoch: nil)
            #expect(try await changed())
            subject.clock.advance(seconds: 99)
            #expect(try await subject.storage.toolCall("charge", in: key).status == .completed)
            subject.clock.advance(seconds: 1)
            await refused(.notFound) { _ = try await subject.storage.toolCall("charge", in: key) }
        },

        StorageContract("calls are listed by page in the order in which they were first reserved") { subject in
            let key = try await subject.created()
            for number in [3, 1, 2, 5, 4] {
                _ = try await subject.storage.reserve(ToolReservation(key: "call \(number)", name: "tool"), in: key, epoch: nil)
            }
            _ = try await subject.storage.finish("call 1", in: key, .completed(.null), attempt: 1, epoch: nil)
            _ = try await subject.storage.finish("call 5", in: key, .failed(.null), attempt: 1, epoch: nil)
            // The next attempt does not move it.
            _ = try await subject.storage.reserve(ToolReservation(key: "call 5", name: "tool"), in: key, epoch: nil)
            var page = try await subject.storage.toolCalls(in: key, ToolCallQuery(limit: 2))
            #expect(page.calls.map(\.key) == ["call 3", "call 1"])
            #expect(page.next == "call 1")
            page = try await subject.storage.toolCalls(in: key, ToolCallQuery(after: page.next, limit: 3))
            #expect(page.calls.map(\.key) == ["call 2", "call 5", "call 4"])
            #expect(page.next == nil)
            #expect(try await subject.storage.toolCalls(in: key, ToolCallQuery(status: .completed)).calls.map(\.key) == ["call 1"])
            #expect(
                try await subject.storage.toolCalls(in: key, ToolCallQuery(status: .reserved, limit: 2)).calls.map(\.key) == ["call 3", "call 2"])
            await refused(.invalidCursor) { _ = try await subject.storage.toolCalls(in: key, ToolCallQuery(after: "call 9")) }
        },

        StorageContract("keys and names of tools are compared as bytes, and values come back as they were") { subject in
            let key = try await subject.created()
            let composed = "caf\u{E9}"
            let decomposed = "cafe\u{301}"
            let arguments = try JSON.of("{\"b\" : [1.0, 1e2] ,\"a\":\"\\u00e9\"}")
            _ = try await subject.storage.reserve(ToolReservation(key: composed, name: "t", arguments: arguments), in: key, epoch: nil)
            let (other, granted) = try await subject.storage.reserve(ToolReservation(key: decomposed, name: "t"), in: key, epoch: nil)
            #expect(granted && other.key.utf8.elementsEqual(decomposed.utf8))
            #expect(try await subject.storage.toolCall(composed, in: key).arguments.bytes == arguments.bytes)
            let result = try JSON.of(" {\"x\":  \"\\ud83d\\ude00\"} ")
            _ = try await subject.storage.finish(composed, in: key, .completed(result), attempt: 1, epoch: nil)
            #expect(try await subject.storage.toolCall(composed, in: key).result?.bytes == result.bytes)
        },

        StorageContract("of many workers one gets the call") { subject in
            let key = try await subject.created()
            let granted = await withTaskGroup(of: Bool.self) { group in
                for number in 0..<16 {
                    group.addTask {
                        (try? await subject.storage.reserve(.charge(holder: "worker \(number)"), in: key, epoch: nil).granted) ?? false
                    }
                }
                return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
            }
            #expect(granted == 1)
            #expect(try await subject.storage.toolCall("charge", in: key).attempt == 1)
        },
    ]
}

extension ToolReservation {
    /// A payment, held for a minute.
    fileprivate static func charge(holder: String? = nil, policy: AmbiguityPolicy = .report) -> ToolReservation {
        ToolReservation(
            key: "charge", name: "pay", arguments: JSON(checked: Array(#"{"amount":5}"#.utf8)), holder: holder, ttlMilliseconds: 60_000,
            onAmbiguous: policy)
    }
}
