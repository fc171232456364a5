public import BatonCore
internal import BatonRedisClient

extension RedisStorage {
    /// The event with this id.
    public func event(_ id: String, in key: SessionKey) async throws(StoreError) -> Event {
        try await find(id, layout.names(of: key), isReading: policy.readsExtendLife).event
    }

    /// The event with its neighbours.
    public func window(
        around id: String, in key: SessionKey, before: Int, after: Int, roles: [String]
    ) async throws(StoreError) -> EventWindow {
        let names = layout.names(of: key)
        func width(_ count: Int) -> Int { count == 0 || roles.isEmpty ? count : max(count, RedisStorage.scanStep) }
        let found = try await find(id, names, before: width(before), after: width(after), isReading: policy.readsExtendLife)
        var filter = EventFilter()
        filter.roles = roles
        let earlier = try await neighbours(
            before, filter, PageRequest(order: .desc, lowest: found.head.floor.seq + 1, highest: found.event.seq - 1, count: width(before)),
            found.before, found, names)
        let later = try await neighbours(
            after, filter, PageRequest(order: .asc, lowest: found.event.seq + 1, highest: found.head.tail.seq, count: width(after)),
            found.after, found, names)
        return EventWindow(events: earlier.reversed() + [found.event] + later, anchor: id)
    }

    /// Up to `count` neighbours that match, nearest first, reading on from those that came with the event.
    private func neighbours(
        _ count: Int, _ filter: EventFilter, _ request: PageRequest, _ first: (events: [Event], isCut: Bool), _ found: FoundEvent,
        _ names: SessionNames
    ) async throws(StoreError) -> [Event] {
        var request = request
        var matching: [Event] = []
        var events = first.events
        var isWhole = !first.isCut && events.count < request.count
        while count > 0 {
            for event in events where filter.matches(event) {
                matching.append(event)
                if matching.count == count { return matching }
            }
            guard !isWhole, let last = events.last else { return matching }
            if request.order == .asc { request.lowest = last.seq + 1 } else { request.highest = last.seq - 1 }
            guard request.lowest <= request.highest else { return matching }
            let page = try await page(names, request)
            guard page.generation == found.generation else { return matching }
            (events, isWhole) = (page.events, page.isWhole)
        }
        return matching
    }

    /// An event, and what came with it.
    struct FoundEvent {
        let head: SessionHead
        let generation: String
        let event: Event
        /// How often it was edited.
        let edits: Int
        let before: (events: [Event], isCut: Bool)
        let after: (events: [Event], isCut: Bool)
    }

    private func find(
        _ id: String, _ names: SessionNames, before: Int = 0, after: Int = 0, isReading: Bool
    ) async throws(StoreError) -> FoundEvent {
        var arguments = self.arguments(names)
        arguments += [.string(id), RedisArgument(before), RedisArgument(after), RedisArgument(RedisStorage.replyBytes), isReading ? 1 : 0]
        var reply = try ScriptReply(try await send(EVALSHA(Scripts.find, keys: names.keys, arguments: arguments, retrySafety: .always)))
        let head = try SessionHead(try reply.bytes())
        let origin = try EventOrigin(try reply.bytes())
        let entry = try reply.next()
        let edit = try reply.bytes()
        func side() throws(StoreError) -> (events: [Event], isCut: Bool) {
            let events = try EventEntries.events(try reply.next(), edits: try reply.next(), origin: origin)
            return (events, try reply.int() == 1)
        }
        return FoundEvent(
            head: head, generation: origin.generation, event: try EventEntries.event(entry, edit: edit, origin: origin),
            edits: edit.isEmpty ? 0 : try EventEntries.Edit(edit).number, before: try side(), after: try side())
    }

    /// Replaces parts of an event.
    public func replace(_ id: String, in key: SessionKey, with patch: EventPatch, epoch: Int?) async throws(StoreError) -> Event {
        let names = layout.names(of: key)
        return try await untilUnchanged { () async throws(StoreError) -> Event in
            let found: FoundEvent
            do throws(StoreError) { found = try await self.find(id, names, isReading: false) } catch {
                // Whoever is fenced is told that first. The script finds no event with such a number of edits.
                if error.code == .notFound {
                    let arguments = self.arguments(names) + [.string(id), -1, "", "", ""]
                    _ = try ScriptReply(try await self.write(Scripts.replace, names.keys, arguments, epoch: epoch))
                }
                throw error
            }
            let body = patch.applied(to: found.event.body)
            let arguments =
                self.arguments(names) + [
                    .string(id), RedisArgument(found.edits), .bytes(body.bytes), .string(patch.blob?.digest.description ?? ""),
                    .bytes(patch.blob?.bytes ?? []),
                ]
            var reply = try ScriptReply(try await self.write(Scripts.replace, names.keys, arguments, epoch: epoch))
            return Event(
                id: found.event.id, seq: found.event.seq, time: found.event.time, editedAt: Timestamp(milliseconds: try reply.int()), body: body)
        }
    }

    /// Removes an event.
    public func remove(_ id: String?, in key: SessionKey, epoch: Int?) async throws(StoreError) -> Event? {
        let names = layout.names(of: key)
        var reply = try ScriptReply(try await write(Scripts.remove, names.keys, arguments(names) + [.string(id ?? "")], epoch: epoch))
        let origin = try EventOrigin(try reply.bytes())
        let entry = try reply.next()
        if entry.elements?.isEmpty ?? true { return nil }
        let event = try EventEntries.event(entry, edit: try reply.bytes(), origin: origin)
        let content = try reply.bytes()
        return content.isEmpty ? event : event.joined(with: Array(content))
    }

    /// Forgets all events.
    public func clear(_ key: SessionKey, epoch: Int?) async throws(StoreError) {
        let names = layout.names(of: key)
        _ = try ScriptReply(try await write(Scripts.clear, names.keys, arguments(names), epoch: epoch))
    }
}
