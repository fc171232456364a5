internal import BatonCore
internal import BatonRedisClient
internal import Synchronization

/// Who listens to which channel: one subscription for each channel that anybody in this process listens to, on a connection of its own.
///
/// On a cluster channels are sharded where the server has that (7.0), so that a signal goes to one shard's servers and not to all.
final class SignalHub: Sendable {
    private struct Channel {
        var listeners: [Int: @Sendable (JSON) -> Void] = [:]
        /// Done when the server has confirmed, or refused.
        let subscription: Task<Result<RedisSubscription, StoreError>, Never>
        var reader: Task<Void, Never>?
    }

    private struct State {
        var channels: [[UInt8]: Channel] = [:]
        var last = 0
    }

    private let client: RedisClient
    private let prefix: String
    private let isCluster: Bool
    private let state = Mutex(State())
    /// Whether the cluster's servers know sharded channels; found out with the first use.
    private let knowsSharded = Mutex<Bool?>(nil)

    init(_ client: RedisClient, prefix: String, isCluster: Bool) {
        self.client = client
        self.prefix = prefix
        self.isCluster = isCluster
    }

    private func channel(_ name: String) -> RedisKey {
        var bytes = Array("\(prefix):{s:".utf8)
        Escaping.append(name, to: &bytes)
        bytes.append(UInt8(ascii: "}"))
        return RedisKey(bytes)
    }

    func signal(_ payload: JSON, on name: String) async throws(StoreError) {
        let channel = channel(name)
        do throws(RedisError) {
            let isSharded = try await isSharded()
            _ = try await client.send(
                RawCommand([isSharded ? "SPUBLISH" : "PUBLISH", RedisArgument(channel), .bytes(payload.bytes)], keys: isSharded ? [channel] : []))
        } catch { throw StoreError(error) }
    }

    func listen(to name: String, _ listener: @escaping @Sendable (JSON) -> Void) async throws(StoreError) -> StorageObservation {
        let key = Array(name.utf8)
        let (number, subscription) = state.withLock { state in
            state.last += 1
            if state.channels[key] == nil { state.channels[key] = Channel(subscription: Task { await self.subscribe(to: name) }) }
            state.channels[key]?.listeners[state.last] = listener
            return (state.last, state.channels[key]?.subscription)
        }
        switch await subscription?.value {
        case .success(let subscription):
            state.withLock { state in
                guard state.channels[key]?.reader == nil else { return }
                state.channels[key]?.reader = Task { await self.pass(subscription, to: key) }
            }
            return StorageObservation { [weak self] in self?.end(number, key) }
        case .failure(let error):
            end(number, key)
            throw error
        case nil: throw StoreError.storeClosed
        }
    }

    private func subscribe(to name: String) async -> Result<RedisSubscription, StoreError> {
        let channel = channel(name)
        do throws(RedisError) {
            return .success(try await client.subscribe(to: isSharded() ? .shardChannels([channel]) : .channels([channel])))
        } catch { return .failure(StoreError(error)) }
    }

    private func isSharded() async throws(RedisError) -> Bool {
        guard isCluster else { return false }
        if let known = knowsSharded.withLock({ $0 }) { return known }
        let probe = RedisKey("\(prefix):{s:}")
        var isKnown = true
        do throws(RedisError) {
            _ = try await client.send(RawCommand(["SPUBLISH", RedisArgument(probe), ""], keys: [probe]))
        } catch {
            guard error.code == .server, error.server?.text.contains("unknown command") == true else { throw error }
            isKnown = false
        }
        knowsSharded.withLock { $0 = isKnown }
        return isKnown
    }

    private func pass(_ subscription: RedisSubscription, to key: [UInt8]) async {
        for await event in subscription {
            guard case .message(let message) = event, let payload = try? JSON(Array(message.payload)) else { continue }
            for listener in state.withLock({ Array(($0.channels[key]?.listeners ?? [:]).values) }) { listener(payload) }
        }
    }

    private func end(_ number: Int, _ key: [UInt8]) {
        let ended = state.withLock { state -> Channel? in
            guard state.channels[key]?.listeners.removeValue(forKey: number) != nil, state.channels[key]?.listeners.isEmpty == true else {
                return nil
            }
            return state.channels.removeValue(forKey: key)
        }
        guard let ended else { return }
        Task {
            if case .success(let subscription) = await ended.subscription.value { subscription.close() }
            ended.reader?.cancel()
        }
    }

    /// Ends all of them.
    func close() async {
        let channels = state.withLock { state in
            defer { state.channels = [:] }
            return Array(state.channels.values)
        }
        for channel in channels {
            if case .success(let subscription) = await channel.subscription.value { subscription.close() }
            await channel.reader?.value
        }
    }
}
