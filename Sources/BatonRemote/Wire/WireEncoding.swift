internal import BatonCore
internal import BatonHTTP

// How requests are written.

extension SessionDraft {
    func wireForm() throws(StoreError) -> [UInt8] {
        var members: [(String, JSON)] = []
        for (prefix, changes) in [("", state.session), ("user:", state.user), ("app:", state.app)] {
            for change in changes {
                switch change.operation {
                case .set(let value) where !value.isNull: members.append((prefix + change.key, value))
                case .remove: members.append((prefix + change.key, .null))
                case .set, .merge:
                    throw StoreError(.invalidField, "state that a session begins with is set to values other than null; change it afterwards")
                }
            }
        }
        var writer = JSONWriter(reserving: 512)
        writer.object { writer in
            if let title {
                writer.name("title")
                writer.string(title)
            }
            writer.name("tags")
            writer.strings(tags)
            writer.name("metadata")
            writer.raw(metadata.bytes)
            writer.name("participants")
            writer.raw(participants.bytes)
            switch lifetime {
            case .storeDefault: break
            case .unlimited:
                writer.name("ttl")
                writer.null()
            case .seconds(let seconds):
                writer.name("ttl")
                writer.int(seconds)
            }
            if leasePolicy != .exclusive {
                writer.name("leasePolicy")
                writer.string(leasePolicy.rawValue)
            }
            if !members.isEmpty {
                writer.name("state")
                writer.object { writer in
                    for (name, value) in members { writer.member(name, value) }
                }
            }
        }
        return writer.bytes
    }
}

extension SessionPatch {
    var wireForm: [UInt8] {
        var writer = JSONWriter(reserving: 256)
        writer.object { writer in
            if case .set(let title) = title {
                writer.name("title")
                writer.string(title)
            }
            if case .set(let tags) = tags {
                writer.name("tags")
                writer.strings(tags)
            }
            if let metadata {
                writer.name("metadata")
                writer.raw(metadata.bytes)
            }
            if case .set(let status) = status {
                writer.name("status")
                writer.string(status.rawValue)
            }
            if case .set(let ttl) = ttl {
                writer.name("ttl")
                if let ttl { writer.int(ttl) } else { writer.null() }
            }
            if case .set(let agent) = activeAgent {
                writer.name("activeAgent")
                writer.string(agent)
            }
            if case .set(let participants) = participants {
                writer.name("participants")
                writer.raw(participants.bytes)
            }
            if case .set(let policy) = leasePolicy {
                writer.name("leasePolicy")
                writer.string(policy.rawValue)
            }
        }
        return writer.bytes
    }
}

extension Request {
    /// The request of a writer who holds the lease of this epoch.
    func showing(_ epoch: Int?) -> Request {
        guard let epoch else { return self }
        var request = self
        request.headers.add("Baton-Epoch", String(epoch))
        return request
    }
}

extension EventBatch {
    var wireForm: [UInt8] { events.wireForm }
}

extension LeaseRequest {
    var wireForm: [UInt8] {
        var writer = JSONWriter(reserving: 128)
        writer.object { writer in
            writer.name("holder")
            writer.string(holder)
            writer.name("ttl")
            writer.seconds(ofMilliseconds: ttl)
            if steals {
                writer.name("steal")
                writer.bool(true)
            }
            if let ticket {
                writer.name("ticket")
                writer.string(ticket)
            }
            if patience > 0 {
                writer.name("wait")
                writer.seconds(ofMilliseconds: patience)
            }
        }
        return writer.bytes
    }
}

extension EventPatch {
    var wireForm: [UInt8] {
        var writer = JSONWriter(reserving: content.bytes.count + 64)
        writer.object { writer in
            writer.member("content", content)
            if let usage { writer.member("usage", usage) }
            if let metadata { writer.member("metadata", metadata) }
        }
        return writer.bytes
    }
}

extension StateChange {
    /// Changes in their order, each under the name that stands with it.
    static func wireForm(of changes: [(name: String, change: StateChange)]) -> [UInt8] {
        var writer = JSONWriter(reserving: 256)
        writer.array { writer in
            for (name, change) in changes {
                writer.object { writer in
                    writer.name("key")
                    writer.string(name)
                    switch change.operation {
                    case .set(let value): writer.member("set", value)
                    case .merge(let patch): writer.member("merge", patch)
                    case .remove:
                        writer.name("remove")
                        writer.bool(true)
                    }
                }
            }
        }
        return writer.bytes
    }
}
