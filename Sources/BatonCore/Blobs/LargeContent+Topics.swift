// Events of sessions also come on the topic of sessions, inside of what that says of them.

extension LargeContent {
    /// A page of a topic; that of sessions ends early where its events have more than ``EventQuery/maximumBytes``.
    public func events(in topic: String, _ query: TopicQuery) async throws(StoreError) -> TopicPage {
        guard topic == Topic.sessions else { return try await base.events(in: topic, query) }
        return try await settled { (missing) throws(StoreError) in
            var page = try await base.events(in: topic, query)
            guard page.events.contains(where: { $0.sessionBlob != nil }) else { return page }
            if let count = page.events.count(within: EventQuery.maximumBytes, { $0.wholeBytes }) {
                page.events.removeSubrange(count...)
                if let last = page.events.last { page.next = last.offset }
                page.upToDate = false
            }
            for index in page.events.indices {
                guard let reference = page.events[index].sessionBlob else { continue }
                guard let event = try await joined(page.events[index], reference, &missing) else { return nil }
                page.events[index] = event
            }
            return page
        }
    }

    /// Hands out events. Those that together have more than ``EventQuery/maximumBytes`` are given back at once; one whose content was lost comes with the reference.
    public func receive(_ limit: Int, from topic: String, as consumer: String, in group: String) async throws(StoreError) -> Received {
        var received = try await base.receive(limit, from: topic, as: consumer, in: group)
        guard topic == Topic.sessions, received.deliveries.contains(where: { $0.event.sessionBlob != nil }) else { return received }
        var settlements: [Settlement] = []
        if let count = received.deliveries.count(within: EventQuery.maximumBytes, { $0.event.wholeBytes }) {
            settlements = received.deliveries[count...].map { Settlement(id: $0.id, token: $0.token, .release) }
            received.deliveries.removeSubrange(count...)
        }
        var deliveries: [Delivery] = []
        for var delivery in received.deliveries {
            switch try await current(delivery.event) {
            case .gone: settlements.append(Settlement(id: delivery.id, token: delivery.token, .acknowledge))
            case .shown(let event):
                delivery.event = event
                deliveries.append(delivery)
            }
        }
        received.deliveries = deliveries
        if !settlements.isEmpty {
            _ = try await base.settle(settlements, of: topic, as: consumer, in: group)
            received.nextDue = Timestamp(milliseconds: 0)
        }
        return received
    }

    /// A page of dead letters; that of a group of sessions ends early where their events have more than ``EventQuery/maximumBytes``. One whose content was lost
    /// comes with the reference.
    public func deadLetters(in group: String, of topic: String, after id: String?, limit: Int) async throws(StoreError) -> GroupPage<DeadLetter> {
        var page = try await base.deadLetters(in: group, of: topic, after: id, limit: limit)
        guard topic == Topic.sessions, page.elements.contains(where: { $0.event?.sessionBlob != nil }) else { return page }
        if let count = page.elements.count(within: EventQuery.maximumBytes, { $0.event?.wholeBytes ?? 0 }) {
            page.elements.removeSubrange(count...)
            page.next = page.elements.last?.id
        }
        for index in page.elements.indices {
            guard let event = page.elements[index].event else { continue }
            switch try await current(event) {
            case .gone: page.elements[index].event = nil
            case .shown(let event): page.elements[index].event = event
            }
        }
        return page
    }

    private enum Current {
        /// The event was removed since, or its session deleted.
        case gone
        case shown(TopicEvent)
    }

    /// A change with the content of its event, as it is now.
    private func current(_ event: TopicEvent) async throws(StoreError) -> Current {
        guard let reference = event.sessionBlob else { return .shown(event) }
        do throws(StoreError) {
            var missing: BlobDigest?
            if let whole = try await joined(event, reference, &missing) { return .shown(whole) }
            guard let key = event.key.flatMap({ SessionKey(path: $0) }), let id = event.data["event"]?["id"]?.stringValue else {
                return .shown(event)
            }
            return .shown(event.carrying(try await self.event(id, in: key)))
        } catch {
            switch error.code {
            case .notFound: return .gone
            // The others must not wait for what will never be whole.
            case .storeCorrupt: return .shown(event)
            default: throw error
            }
        }
    }

    /// A change with the content of its event; `nil` when that is not there, or its session is not.
    private func joined(
        _ event: TopicEvent, _ reference: BlobReference, _ missing: inout BlobDigest?
    ) async throws(StoreError) -> TopicEvent? {
        guard let key = event.key.flatMap({ SessionKey(path: $0) }) else { return event }
        do throws(StoreError) {
            guard let content = try await contents(of: [reference], in: key, &missing)?[reference.digest] else { return nil }
            return event.replacingEvent { $0.joined(with: content) }
        } catch {
            guard error.code == .notFound else { throw error }
            return nil
        }
    }
}

extension TopicEvent {
    /// How far from the beginning of the data a reference is at most: three names and an id, each byte escaped, and the store's own fields.
    private static let farthest = 6 * (3 * 256 + EventDraft.maximumIDBytes) + 256
    private static let mark = Array(#","blob":{"sha256":""#.utf8)

    /// What the event that comes with a change of a session refers to; `nil` when it has its content, or there is none.
    fileprivate var sessionBlob: BlobReference? {
        guard SessionChange(rawValue: type)?.hasEvent ?? false, hasMark else { return nil }
        return BlobReference(data["event"]?["blob"])
    }

    /// Whether there may be a reference: most events are told apart without being read.
    private var hasMark: Bool {
        let (bytes, mark) = (data.bytes, TopicEvent.mark)
        let end = min(bytes.count - mark.count, TopicEvent.farthest)
        var index = 0
        while index <= end {
            if bytes[index] == mark[0], bytes[index + 2] == mark[2], bytes[index..<index + mark.count].elementsEqual(mark) { return true }
            index += 1
        }
        return false
    }

    fileprivate var wholeBytes: Int { data.bytes.count + (sessionBlob?.count ?? 0) }

    /// The same change with another version of its event.
    fileprivate func carrying(_ event: Event) -> TopicEvent {
        replacingEvent { _ in
            var writer = JSONWriter(reserving: event.body.bytes.count + 160)
            writer.event(event)
            return JSON(checked: writer.bytes)
        }
    }

    fileprivate func replacingEvent(_ change: (JSON) -> JSON) -> TopicEvent {
        var writer = JSONWriter(reserving: data.bytes.count)
        writer.object { writer in
            for (name, value) in data.members ?? [] { writer.member(name, name == "event" ? change(value) : value) }
        }
        var event = self
        event.data = JSON(checked: writer.bytes)
        return event
    }
}
