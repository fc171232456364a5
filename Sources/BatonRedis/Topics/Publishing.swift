public import BatonCore
internal import BatonRedisClient
internal import BatonTelemetry
internal import Synchronization

extension RedisStorage {
    /// Publishes a batch, all or none.
    public func publish(_ batch: TopicBatch, to topic: String) async throws(StoreError) -> PublishReceipt {
        let keys: TopicKeys
        switch try bus.place(of: topic) {
        case .sessions: throw StoreError(.forbidden, "nobody publishes to the topic \(Topic.sessions): it shows what happens in sessions")
        case .stream(let found): keys = found
        }
        try checkOpen()
        if keys.kind == .foreign { return try await publishForeign(batch, keys) }
        let queue = bus.publishing
        let result = await withCheckedContinuation { (continuation: CheckedContinuation<Result<PublishReceipt, StoreError>, Never>) in
            let waiting = PublishQueue.Waiting(batch: batch) { continuation.resume(returning: $0) }
            if queue.add(waiting, to: topic) { Task { await self.sendPublished(keys) } }
        }
        return try result.get()
    }

    /// Sends what waits for a topic until nothing does.
    private func sendPublished(_ keys: TopicKeys) async {
        while true {
            let waiting = bus.publishing.next(of: keys.name)
            if waiting.isEmpty { return }
            do throws(StoreError) {
                let results = try await publish(waiting.map(\.batch), keys)
                for (one, result) in zip(waiting, results) { one.answer(result) }
            } catch {
                for one in waiting { one.answer(.failure(error)) }
            }
        }
    }

    private func publish(_ batches: [TopicBatch], _ keys: TopicKeys) async throws(StoreError) -> [Result<PublishReceipt, StoreError>] {
        let singles = batches.indices.filter { batches[$0].isSingle }
        let others = batches.indices.filter { !batches[$0].isSingle }
        var arguments: [RedisArgument] = [
            moment, "", "", .string(Randomness.generation()), RedisArgument(others.count), RedisArgument(singles.count),
        ]
        arguments.reserveCapacity(7 + 3 * singles.count + others.reduce(0) { $0 + 5 + 5 * batches[$1].events.count })
        for event in singles.lazy.flatMap({ batches[$0].events }) {
            arguments.append(.string(event.type))
            arguments.append(.string(event.key ?? ""))
            arguments.append(.bytes(event.data.bytes))
        }
        for batch in others.lazy.map({ batches[$0] }) {
            arguments.append(.string(batch.idempotencyKey ?? ""))
            arguments.append(batch.idempotencyKey == nil ? "" : RedisArgument(batch.fingerprint))
            arguments += trace(of: batch)
            arguments.append(RedisArgument(batch.events.count))
            for event in batch.events {
                arguments.append(.string(event.id ?? ""))
                arguments.append(.string(event.type))
                arguments.append(.string(event.key ?? ""))
                arguments.append(event.time.map { RedisArgument($0.milliseconds) } ?? "")
                arguments.append(.bytes(event.data.bytes))
            }
        }
        var reply = try ScriptReply(topic: try await write(Scripts.publish, keys.all + [keys.fences], arguments))
        let generation = try reply.text()
        let isNew = try reply.int() == 1
        let isMore = try reply.int() == 1
        func entry(_ event: TopicEventDraft, _ number: Int, _ milliseconds: Int) -> PublishReceipt.Entry {
            // The magnitude as it is: nothing that a server answers ends the process.
            let seq = Int(clamping: number.magnitude)
            return PublishReceipt.Entry(
                id: event.id ?? SessionRecord.madeID(generation: generation, seq: seq), seq: seq,
                offset: TopicOffset(Offset(milliseconds: milliseconds, seq: seq)), time: Timestamp(milliseconds: milliseconds),
                isDuplicate: number < 0)
        }
        func result(of batch: TopicBatch, _ answer: RedisReply) -> Result<PublishReceipt, StoreError> {
            do throws(StoreError) {
                var parts = try ScriptReply(topic: answer)
                var entries: [PublishReceipt.Entry] = []
                entries.reserveCapacity(batch.events.count)
                for event in batch.events {
                    let number = try parts.int()
                    entries.append(entry(event, number, try parts.int()))
                }
                return .success(PublishReceipt(entries: entries))
            } catch { return .failure(error) }
        }
        var results = [Result<PublishReceipt, StoreError>](
            repeating: .failure(StoreError.corrupt("the answer of a script")), count: batches.count)
        let answer = try reply.next()
        if let first = answer.elements?.first?.integer {
            var parts = try ScriptReply(parts: answer)
            _ = try parts.int()
            let milliseconds = try parts.int()
            for (count, index) in singles.enumerated() {
                results[index] = .success(
                    PublishReceipt(entries: batches[index].events.map { entry($0, Int(clamping: first) &+ count, milliseconds) }))
            }
        } else {
            var parts = try ScriptReply(parts: answer)
            for index in singles { results[index] = result(of: batches[index], try parts.next()) }
        }
        for index in others { results[index] = result(of: batches[index], try reply.next()) }
        if !generation.isEmpty, isNew || !bus.isRegistered(keys.name) { try await register(keys.name) }
        // After another retention there may be more to trim than one script should.
        if isMore { _ = try await trim(keys) }
        return results
    }

    /// `traceparent` and `tracestate`, nothing where there is none.
    private func trace(of batch: TopicBatch) -> [RedisArgument] {
        guard let trace = batch.trace else { return ["", ""] }
        return [.string(trace.traceparent), .string(trace.state)]
    }

    /// Adds to a stream that others write, where nothing is known of ids and requests of before.
    private func publishForeign(_ batch: TopicBatch, _ keys: TopicKeys) async throws(StoreError) -> PublishReceipt {
        guard batch.idempotencyKey == nil else {
            throw StoreError(.invalidParameter, "the topic is a stream of others and keeps no idempotency keys")
        }
        var arguments: [RedisArgument] = [moment] + trace(of: batch) + [RedisArgument(batch.events.count)]
        for event in batch.events {
            arguments += [
                .string(event.id ?? ""), .string(event.type), .string(event.key ?? ""), event.time.map { .string($0.description) } ?? "",
                .bytes(event.data.bytes),
            ]
        }
        var reply = try ScriptReply(topic: try await send(EVALSHA(Scripts.publishForeign, keys: keys.all, arguments: arguments)))
        var entries: [PublishReceipt.Entry] = []
        for event in batch.events {
            let id = try reply.bytes()
            let place = try offset(ofEntry: id)
            entries.append(
                PublishReceipt.Entry(
                    id: event.id ?? String(decoding: id, as: UTF8.self), seq: place.seq, offset: TopicOffset(place),
                    time: Timestamp(milliseconds: place.milliseconds), isDuplicate: false))
        }
        return PublishReceipt(entries: entries)
    }
}

extension TopicBatch {
    /// Whether it is one event of which only type, key and data are known.
    fileprivate var isSingle: Bool {
        guard idempotencyKey == nil, trace == nil, events.count == 1, let event = events.first else { return false }
        return event.id == nil && event.time == nil
    }
}
