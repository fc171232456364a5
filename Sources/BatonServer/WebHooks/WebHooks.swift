internal import BatonCore
internal import BatonIO
internal import BatonTelemetry

/// Sends the events of all web hooks of a store, in turn with the other daemons on it.
actor WebHooks {
    private struct Running {
        let hook: WebHook
        let task: Task<Void, Never>
    }

    private let store: SessionStore
    /// The same for looking after the records of web hooks, which is no work of anybody's.
    private let records: SessionStore
    private let policy: WebHookPolicy
    private let loop: EventLoop
    private let metrics: WebHookMetrics
    private let logger: Logger
    private let drain: Duration
    /// This process among the consumers of the groups.
    private let consumer = "daemon-\(Hex.text(of: Randomness.bytes(6)))"
    private var running: [String: Running] = [:]
    /// Those that were ended and still wait for answers.
    private var ending: Set<Task<Void, Never>> = []
    private var isStopped = false

    init(store: SessionStore, policy: WebHookPolicy, loop: EventLoop, metrics: Metrics, logger: Logger, drain: Duration) {
        self.store = store
        records = store.with(tracer: nil)
        self.policy = policy
        self.loop = loop
        self.metrics = WebHookMetrics(metrics)
        self.logger = logger
        self.drain = drain
    }

    /// Begins with web hooks that were set, and ends those that were changed, disabled or deleted.
    func refresh() async throws(StoreError) {
        let hooks = try await records.webHooks()
        guard !isStopped else { return }
        for entry in running.values where !hooks.contains(entry.hook) {
            end(entry)
        }
        for hook in hooks where running[hook.name] == nil {
            metrics.series(hook.name).stopped.set(hook.disabled == nil ? 0 : 1)
            if hook.disabled == nil { running[hook.name] = Running(hook: hook, task: Task { await self.run(hook) }) }
        }
    }

    /// Begins nothing any more; requests that are under way have as long as the daemon's drain to be answered.
    func stop() async {
        isStopped = true
        let tasks = running.values.map(\.task) + ending
        for task in tasks { task.cancel() }
        for task in tasks { await task.value }
    }

    private func end(_ entry: Running) {
        running[entry.hook.name] = nil
        entry.task.cancel()
        ending.insert(entry.task)
        Task {
            await entry.task.value
            ending.remove(entry.task)
        }
    }

    // MARK: - One web hook

    private func run(_ hook: WebHook) async {
        let series = metrics.series(hook.name)
        let sender: WebHookSender
        let group: GroupHandle
        do {
            sender = try WebHookSender(hook, policy: policy, on: loop, metrics: series)
            group = try store.topic(hook.topic).group(hook.group)
        } catch {
            series.stopped.set(1)
            logger.error("a web hook cannot be sent from here", ["webhook": .string(hook.name), "error": .string("\(error)")])
            return
        }
        while !Task.isCancelled {
            do throws(StoreError) {
                try await group.consume(as: consumer, concurrency: hook.concurrency, drain: drain) { delivery in
                    do { try await sender.send(delivery) } catch {
                        if (error as? WebHookFailure)?.kind == .gone { await self.disable(hook) }
                        throw error
                    }
                }
            } catch {
                if error.code == .closed { break }
                await recover(hook, from: error)
            }
        }
        await sender.close()
    }

    /// The receiver wants nothing any more.
    private func disable(_ hook: WebHook) async {
        guard let entry = running[hook.name], entry.hook == hook else { return }
        logger.warning("a web hook's receiver answered 410 Gone; it is disabled", ["webhook": .string(hook.name)])
        do throws(StoreError) { try await store.disable(hook, reason: "the receiver answered 410 Gone") } catch {
            // The next answer says it again.
            logger.error("a web hook could not be disabled", ["webhook": .string(hook.name), "error": .string("\(error)")])
            return
        }
        guard running[hook.name]?.hook == hook else { return }
        metrics.series(hook.name).stopped.set(1)
        end(entry)
    }

    /// Makes the group again when somebody deleted it, or its topic, and left the web hook.
    private func recover(_ hook: WebHook, from error: StoreError) async {
        logger.warning(
            "a web hook's group cannot be consumed", ["webhook": .string(hook.name), "error": .string("\(error)")], limit: .perMinute(6))
        do throws(StoreError) {
            if error.code == .notFound, try await store.webHooks().contains(hook) {
                try await store.setGroup(hook.group, of: hook.topic, hook.settings, from: .now)
                logger.notice("a web hook's group was made again; it begins now", ["webhook": .string(hook.name)])
                return
            }
        } catch {}
        try? await Task.sleep(for: .seconds(2))
    }
}
