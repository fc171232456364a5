internal import BatonCore
internal import Testing

/// Hooks stand above the seam; that they mean the same on every storage is held here.
extension StorageContract {
    static let hooks: [StorageContract] = [
        StorageContract("without hooks a call goes straight to the storage") { subject in
            let key = try await subject.created()
            let store = SessionStore(on: subject.storage).with(hooks: Hooks())
            #expect(try await store.append(EventBatch([.text("a")]), to: key).entries.map(\.seq) == [1])
            #expect(try await store.get(key, SnapshotQuery(events: 9)).events.texts == ["a"])
        },

        StorageContract("a hook changes an event before it is stored") { subject in
            let key = try await subject.created()
            let store = subject.hooked { call, next in
                var call = call
                try call.batch.changeEvents { event in
                    event.content = try JSON(parsing: #"{"text":"checked"}"#)
                    event.metadata = try JSON(parsing: #"{"tag":"by a hook"}"#)
                }
                return try await next(call)
            }
            let draft = try EventDraft(
                NewEvent(
                    .of("[1.50]"), id: "e", author: "ann", role: "user", type: "note", branch: "b", invocation: "i", isPartial: true,
                    stateDelta: ["k": .of(" 1.0"), "user:u": .of("null"), "temp:t": .of("3")], usage: .of(#"{"tokens":3}"#)))
            _ = try await store.append(EventBatch([draft]), to: key)
            let event = try #require(try await subject.events(key).first)
            #expect(event.content.description == #"{"text":"checked"}"# && event.metadata?["tag"]?.stringValue == "by a hook")
            #expect(event.id == "e" && event.author == "ann" && event.role == "user" && event.type == "note" && event.branch == "b")
            #expect(event.invocation == "i" && event.isPartial && event.usage?["tokens"]?.intValue == 3)
            #expect(event.stateDelta?["k"]?.description == "1.0" && event.stateDelta?["user:u"]?.isNull == true)
            #expect(try await subject.storage.session(key, SnapshotQuery()).state["k"]?.description == "1.0")
        },

        StorageContract("a hook that does not go on keeps an event from being stored, and says what the caller sees") { subject in
            let key = try await subject.created()
            let store = subject.hooked { _, _ in AppendReceipt(entries: [], version: 0, tail: .start) }
            #expect(try await store.append(EventBatch([.text("a")]), to: key) == AppendReceipt(entries: [], version: 0, tail: .start))
            #expect(try await subject.texts(key).isEmpty)
        },

        StorageContract("hooks run in the order in which they were added, and see the result in reverse") { subject in
            let key = try await subject.created()
            let steps = Guarded<[String]>([])
            @Sendable func note(_ step: String) { steps.withLock { $0.append(step) } }
            func hooks(_ names: String...) -> Hooks {
                var hooks = Hooks()
                for name in names {
                    hooks.onAppend { call, next in
                        note("before \(name)")
                        let receipt = try await next(call)
                        note("after \(name)")
                        return receipt
                    }
                    hooks.onGet { call, next in
                        note("before \(name)")
                        let session = try await next(call)
                        note("after \(name)")
                        return session
                    }
                }
                return hooks
            }
            let store = SessionStore(on: subject.storage).with(hooks: hooks("1", "2")).with(hooks: hooks("3"))
            let order = ["before 1", "before 2", "before 3", "after 3", "after 2", "after 1"]
            _ = try await store.append(EventBatch([.text("a")]), to: key)
            #expect(steps.withLock { $0 } == order)
            steps.withLock { $0 = [] }
            _ = try await store.get(key)
            #expect(steps.withLock { $0 } == order)
            #expect(try await subject.texts(key) == ["a"])
        },

        StorageContract("a hook changes what a reader sees, and what is stored stays") { subject in
            let key = try await subject.created()
            try await subject.append(4, to: key)
            var hooks = Hooks()
            hooks.onGet { call, next in
                var session = try await next(call)
                session.events.removeAll { $0.seq.isMultiple(of: 2) }
                session.record.title = "by a hook"
                return session
            }
            hooks.onGet { call, next in
                var call = call
                call.query.events = min(call.query.events, 3)
                return try await next(call)
            }
            let store = SessionStore(on: subject.storage).with(hooks: hooks)
            let seen = try await store.get(key, SnapshotQuery(events: 100))
            #expect(seen.events.texts == ["3"] && seen.record.title == "by a hook")
            #expect(try await subject.texts(key) == ["1", "2", "3", "4"])
            #expect(try await subject.record(key).title == nil)
        },

        StorageContract("an error of a hook reaches the caller, and nothing is stored") { subject in
            struct Unwanted: Error {}
            let key = try await subject.created()
            let reached = Guarded(0)
            var hooks = Hooks()
            hooks.onAppend { call, next in
                if call.batch.events.contains(where: { $0.author == "foreign" }) { throw Unwanted() }
                if call.batch.events.contains(where: { $0.author == "own" }) { throw StoreError(.forbidden, "not you") }
                return try await next(call)
            }
            hooks.onAppend { call, next in
                reached.withLock { $0 += 1 }
                return try await next(call)
            }
            hooks.onGet { call, next in
                if call.query.events > 5 { throw Unwanted() }
                return try await next(call)
            }
            let store = SessionStore(on: subject.storage).with(hooks: hooks)
            let foreign = await refused(.refused) { _ = try await store.append(EventBatch([.text("a", author: "foreign")]), to: key) }
            #expect(foreign?.underlying is Unwanted)
            let own = await refused(.forbidden) { _ = try await store.append(EventBatch([.text("a", author: "own")]), to: key) }
            #expect(own?.message == "not you")
            await refused(.refused) { _ = try await store.get(key, SnapshotQuery(events: 6)) }
            #expect(reached.withLock { $0 } == 0)
            #expect(try await subject.texts(key).isEmpty)
            // What the storage refuses passes through hooks as it is.
            let absent = try subject.key("absent")
            await refused(.notFound) { _ = try await store.append(EventBatch([.text("a")]), to: absent) }
            #expect(reached.withLock { $0 } == 1)
        },

        StorageContract("a hook redirects an append and a read to another session") { subject in
            let (from, to) = (try await subject.created("from"), try await subject.created("to"))
            var hooks = Hooks()
            hooks.onAppend { call, next in try await next(Hooks.AppendCall(key: to, batch: call.batch)) }
            hooks.onGet { call, next in try await next(Hooks.GetCall(key: to, query: call.query)) }
            let store = SessionStore(on: subject.storage).with(hooks: hooks)
            _ = try await store.append(EventBatch([.text("a")]), to: from)
            #expect(try await subject.texts(from).isEmpty)
            #expect(try await subject.texts(to) == ["a"])
            #expect(try await store.get(from).record.key == to)
        },

        StorageContract("a hook adds events; they are stored in the same step, and checked as all are") { subject in
            let key = try await subject.created()
            let store = subject.hooked { call, next in
                var call = call
                let count = call.batch.events.count == 1 ? 1 : EventDraft.maximumBatch
                for _ in 0..<count { call.batch.events.append(try .text("note")) }
                var receipt = try await next(call)
                receipt.entries.removeLast(count)
                return receipt
            }
            let receipt = try await store.append(EventBatch([.text("a")]), to: key)
            #expect(receipt.entries.map(\.seq) == [1] && receipt.tail.seq == 2)
            await refused(.tooLarge) { _ = try await store.append(EventBatch([.text("b"), .text("c")]), to: key) }
            #expect(try await subject.texts(key) == ["a", "note"])
        },

        StorageContract("a hook that goes on twice does it twice") { subject in
            let key = try await subject.created()
            let store = subject.hooked { call, next in
                _ = try await next(call)
                return try await next(call)
            }
            #expect(try await store.append(EventBatch([.text("a")]), to: key).entries.map(\.seq) == [2])
            #expect(try await subject.texts(key) == ["a", "a"])
        },

        StorageContract("hooks surround handles, turns and handoffs as well") { subject in
            let key = try await subject.created()
            let count = Guarded(0)
            let store = subject.hooked { call, next in
                count.withLock { $0 += 1 }
                return try await next(call)
            }
            let session = store.session(key)
            try await session.append(.message("a", role: "user"))
            try await session.turn(holder: "worker") { turn in try turn.append(.message("b", role: "assistant")) }
            try await session.handOff(to: "other")
            #expect(count.withLock { $0 } == 3)
            #expect(try await subject.events(key).count == 3)
        },
    ]
}

extension StorageSubject {
    /// A store with one hook on appends.
    fileprivate func hooked(_ hook: @escaping Hooks.Append) -> SessionStore {
        var hooks = Hooks()
        hooks.onAppend(hook)
        return SessionStore(on: storage).with(hooks: hooks)
    }
}
