public import BatonCore
internal import BatonRedisClient

extension RedisStorage {
    /// The state of one scope.
    public func state(_ scope: StateScope) async throws(StoreError) -> [String: JSON] {
        if case .session(let key) = scope { return try await session(key, SnapshotQuery()).state.session }
        // Expiry is the server's business, unless a test stands for the passing of time.
        return try sharedState(try await send(RawCommand.hash(key(of: scope))), at: clock?().milliseconds ?? 0)
    }

    /// Changes the state of one scope.
    public func change(_ scope: StateScope, _ changes: [StateChange], epoch: Int?) async throws(StoreError) -> [String: JSON] {
        if case .session(let key) = scope {
            return try await change(key, names: layout.names(of: key), epoch) { planner throws(StoreError) in
                try await planner.changes(session: changes)
            }.state.session
        }
        return try await changeShared(scope, changes)
    }

    /// Changes all three scopes that a session sees.
    public func change(_ key: SessionKey, _ delta: StateDelta, epoch: Int?) async throws(StoreError) -> SessionState {
        let names = layout.names(of: key)
        let session = try await change(key, names: names, epoch) { planner throws(StoreError) in try await planner.changes(delta) }
        return try await withApplicationState(session, names, delta.app).state
    }

    private func change(
        _ key: SessionKey, names: SessionNames, _ epoch: Int?, _ plan: (StatePlanner) async throws(StoreError) -> StateItems
    ) async throws(StoreError) -> SessionSnapshot {
        let planner = StatePlanner(storage: self, names: names, isNew: false)
        return try await untilUnchanged { () async throws(StoreError) -> SessionSnapshot in
            let changes = try await plan(planner)
            let arguments = self.arguments(names) + changes.guards + changes.items
            var reply = try ScriptReply(try await self.write(Scripts.changeSession, names.keys, arguments, epoch: epoch))
            return try SessionSnapshot(key, try reply.next())
        }
    }

    /// Changes state that no session owns.
    private func changeShared(_ scope: StateScope, _ changes: [StateChange]) async throws(StoreError) -> [String: JSON] {
        let key = key(of: scope)
        var keys = [key, RedisKey(key.bytes + Array(":r".utf8))]
        var elsewhere: RedisKey?
        let ttl: Int?
        switch scope {
        case .user(let user):
            keys.append(layout.log(layout.shard(app: user.app, user: user.user)))
            ttl = policy.userStateTTL
        case .app, .store, .session:
            if layout.isOneServer { keys.append(layout.log(0)) } else { elsewhere = layout.log(0) }
            if case .app = scope { ttl = policy.appStateTTL } else { ttl = nil }
        }
        let state = try await untilUnchanged { () async throws(StoreError) -> [String: JSON] in
            let items = try await StatePlanner.shared(changes, of: key, self)
            let arguments = [self.moment, "", "", RedisArgument(ttl ?? 0)] + items
            var reply = try ScriptReply(try await self.write(Scripts.changeShared, keys, arguments))
            let clock = try reply.int()
            return try sharedState(try reply.next(), at: clock)
        }
        if let elsewhere {
            _ = try await send(EVALSHA(Scripts.tellEverybody, keys: [elsewhere], arguments: [moment], retrySafety: .always))
        }
        return state
    }

    private func key(of scope: StateScope) -> RedisKey {
        switch scope {
        case .session(let key): layout.names(of: key).session
        case .user(let key): layout.userState(key)
        case .app(let app): layout.appState(app)
        case .store: layout.storeState
        }
    }

    /// On a cluster an application's state is in another slot than its sessions: it is changed when the session has been, and read
    /// beside it.
    func withApplicationState(
        _ session: SessionSnapshot, _ names: SessionNames, _ changes: [StateChange]
    ) async throws(StoreError) -> SessionSnapshot {
        if layout.isOneServer { return session }
        var session = session
        if changes.isEmpty {
            session.state.app = try await state(.app(names.key.app))
        } else {
            session.state.app = try await changeShared(.app(names.key.app), changes)
        }
        return session
    }

    /// On a cluster: what an append changes in the application's state.
    func applyToApplication(_ changes: [StateChange], _ names: SessionNames) async throws(StoreError) {
        guard !changes.isEmpty else { return }
        _ = try await changeShared(.app(names.key.app), changes)
    }
}
