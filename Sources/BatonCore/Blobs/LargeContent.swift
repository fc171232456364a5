/// A storage before which large contents of events are taken apart, and put together again.
///
/// What is over the policy's ``StorePolicy/blobThreshold`` is given to the storage beside its event. Whatever refers to such a content is given back whole, unless
/// the reader asks for references. Reading costs one more read of the storage when there is something to put together, and nothing otherwise.
///
/// Between the two reads an event may be replaced or removed, and its content with it. Then the first is done again; what is missing all the same
/// was lost. A content is compared with its digest before it is shown.
public struct LargeContent: StorageLayer {
    /// The storage behind.
    public let base: any Storage
    let threshold: Int

    /// Stands before a storage that keeps contents apart itself.
    public init(on storage: any Storage) {
        base = storage
        threshold = storage.policy.blobThreshold
    }

    /// Nothing has to be waited for.
    public func enter(_ key: SessionKey, to use: StorageUse) {}

    /// Nothing has to be waited for.
    public func enter(_ owner: SessionQuery.Owner) {}

    /// That of the storage behind.
    public var kind: StorageKind { base.kind }

    /// Before the storage with another durability.
    public func with(durability: Durability) throws(StoreError) -> any Storage { LargeContent(on: try base.with(durability: durability)) }

    // MARK: - Writing

    /// Appends, with large contents beside their events.
    public func append(_ batch: EventBatch, to key: SessionKey) async throws(StoreError) -> AppendReceipt {
        try await base.append(threshold > 0 ? batch.apart(over: threshold) : batch, to: key)
    }

    /// Replaces parts of an event, with a large content beside it.
    public func replace(_ id: String, in key: SessionKey, with patch: EventPatch, epoch: Int?) async throws(StoreError) -> Event {
        guard threshold > 0, patch.content.bytes.count > threshold else { return try await base.replace(id, in: key, with: patch, epoch: epoch) }
        return try await base.replace(id, in: key, with: patch.apart(), epoch: epoch).joined(with: patch.content.bytes)
    }

    // MARK: - Reading

    /// The session with its last events.
    public func session(_ key: SessionKey, _ query: SnapshotQuery) async throws(StoreError) -> SessionSnapshot {
        guard query.events > 0, query.blobs == .whole else { return try await base.session(key, query) }
        return try await settled { (missing) throws(StoreError) in
            var snapshot = try await base.session(key, query)
            guard snapshot.events.referToContents else { return snapshot }
            guard snapshot.events.wholeBytes <= SnapshotQuery.maximumBytes else { throw SnapshotQuery.tooLarge }
            guard let events = try await joined(snapshot.events, of: key, &missing) else { return nil }
            snapshot.events = events
            return snapshot
        }
    }

    /// A page of sessions; it ends early where their events have more than ``SnapshotQuery/maximumBytes``.
    public func sessions(_ query: SessionQuery) async throws(StoreError) -> SessionPage {
        guard query.events > 0, query.blobs == .whole else { return try await base.sessions(query) }
        return try await settled { (missing) throws(StoreError) in
            var page = try await base.sessions(query)
            guard page.sessions.contains(where: { $0.events.referToContents }) else { return page }
            if let count = page.sessions.count(within: SnapshotQuery.maximumBytes, { $0.events.wholeBytes }) {
                page.sessions.removeSubrange(count...)
                page.next = page.sessions.last.map { SessionQuery.Position(of: $0.record, in: query.order) }
            }
            guard page.sessions.allSatisfy({ $0.events.wholeBytes <= SnapshotQuery.maximumBytes }) else { throw SnapshotQuery.tooLarge }
            for index in page.sessions.indices where page.sessions[index].events.referToContents {
                do throws(StoreError) {
                    guard let events = try await joined(page.sessions[index].events, of: page.sessions[index].record.key, &missing) else {
                        return nil
                    }
                    page.sessions[index].events = events
                } catch {
                    // Deleted since the page was read.
                    guard error.code == .notFound else { throw error }
                    return nil
                }
            }
            return page
        }
    }

    /// A page of events; it ends early where they have more than ``EventQuery/maximumBytes``.
    public func events(in key: SessionKey, _ query: EventQuery) async throws(StoreError) -> EventPage {
        guard query.blobs == .whole else { return try await base.events(in: key, query) }
        return try await settled { (missing) throws(StoreError) in
            var page = try await base.events(in: key, query)
            guard page.events.referToContents else { return page }
            if let count = page.events.count(within: EventQuery.maximumBytes, { $0.wholeBytes }) {
                page.events.removeSubrange(count...)
                page.next = page.events.last?.offset
                page.upToDate = false
            }
            guard let events = try await joined(page.events, of: key, &missing) else { return nil }
            page.events = events
            return page
        }
    }

    /// The event with this id.
    public func event(_ id: String, in key: SessionKey) async throws(StoreError) -> Event {
        try await settled { (missing) throws(StoreError) in try await joined([base.event(id, in: key)], of: key, &missing)?[0] }
    }

    /// The event with its neighbours.
    public func window(around id: String, in key: SessionKey, before: Int, after: Int, roles: [String]) async throws(StoreError) -> EventWindow {
        try await settled { (missing) throws(StoreError) in
            var window = try await base.window(around: id, in: key, before: before, after: after, roles: roles)
            guard window.events.referToContents else { return window }
            guard window.events.wholeBytes <= SnapshotQuery.maximumBytes else {
                throw StoreError(.tooLarge, "the window holds over \(SnapshotQuery.maximumBytes) bytes; ask for fewer neighbours")
            }
            guard let events = try await joined(window.events, of: key, &missing) else { return nil }
            window.events = events
            return window
        }
    }

    /// Contents by their digests, each what its digest says.
    public func blobs(_ digests: [BlobDigest], in key: SessionKey) async throws(StoreError) -> [BlobDigest: [UInt8]] {
        let found = try await base.blobs(digests, in: key)
        for (digest, bytes) in found where BlobDigest(of: bytes) != digest { throw StoreError.damagedBlob }
        return found
    }

    // MARK: - Putting together

    /// How often in a row a content may be missing before it is taken for lost: an event may be changed to and fro.
    private static let maximumMisses = 5
    /// How often something is read whose contents are replaced each time before they can be read.
    private static let maximumReads = 100

    /// What `read` gives, as soon as it finds the contents of what it has read; it says which was missing.
    func settled<Value>(_ read: (inout BlobDigest?) async throws(StoreError) -> Value?) async throws(StoreError) -> Value {
        var last: BlobDigest?
        var misses = 0
        for _ in 0..<LargeContent.maximumReads {
            var missing: BlobDigest?
            if let value = try await read(&missing) { return value }
            misses = missing == last ? misses + 1 : 1
            last = missing
            guard missing == nil || misses < LargeContent.maximumMisses else {
                throw StoreError(.storeCorrupt, "an event of the session refers to a content that is not there")
            }
        }
        throw StoreError(.busy, "events of the session change faster than their contents can be read")
    }

    /// The events with their contents; `nil` when one is not there.
    func joined(_ events: [Event], of key: SessionKey, _ missing: inout BlobDigest?) async throws(StoreError) -> [Event]? {
        guard events.referToContents else { return events }
        guard let contents = try await contents(of: events.compactMap(\.blob), in: key, &missing) else { return nil }
        return events.map { event in event.blob.map { event.joined(with: contents[$0.digest] ?? []) } ?? event }
    }

    /// The contents of all references; `nil` when one is not there.
    func contents(
        of references: [BlobReference], in key: SessionKey, _ missing: inout BlobDigest?
    ) async throws(StoreError) -> [BlobDigest: [UInt8]]? {
        var contents: [BlobDigest: [UInt8]] = [:]
        var asked: [BlobDigest] = []
        var seen: Set<BlobDigest> = []
        var bytes = 0
        for reference in references where seen.insert(reference.digest).inserted {
            if !asked.isEmpty, asked.count == BlobRequest.maximumDigests || bytes + reference.count > BlobRequest.maximumBytes {
                guard try await fetch(asked, in: key, into: &contents, &missing) else { return nil }
                (asked, bytes) = ([], 0)
            }
            asked.append(reference.digest)
            bytes += reference.count
        }
        return try await fetch(asked, in: key, into: &contents, &missing) ? contents : nil
    }

    private func fetch(
        _ digests: [BlobDigest], in key: SessionKey, into contents: inout [BlobDigest: [UInt8]], _ missing: inout BlobDigest?
    ) async throws(StoreError) -> Bool {
        guard !digests.isEmpty else { return true }
        let found = try await blobs(digests, in: key)
        missing = digests.first { found[$0] == nil }
        contents.merge(found) { $1 }
        return missing == nil
    }
}

extension StoreError {
    /// A content that is kept apart is not what it was.
    static let damagedBlob = StoreError(.storeCorrupt, "a content of the session has other bytes than its digest says")
}

extension Event {
    /// How many bytes its body has with its content.
    fileprivate var wholeBytes: Int { body.bytes.count + (blob?.count ?? 0) }
}

extension [Event] {
    fileprivate var referToContents: Bool { contains { $0.blob != nil } }
    fileprivate var wholeBytes: Int { reduce(0) { $0 + $1.wholeBytes } }
}

extension Array {
    /// How many of the first elements to keep so that the last of them is the one which exceeds `limit` bytes; `nil` for all.
    func count(within limit: Int, _ bytes: (Element) -> Int) -> Int? {
        var sum = 0
        for (index, element) in enumerated() {
            sum += bytes(element)
            if sum > limit { return index + 1 < count ? index + 1 : nil }
        }
        return nil
    }
}

extension SessionQuery.Position {
    /// The place of a session in a list.
    fileprivate init(of record: SessionRecord, in order: SessionQuery.Order) {
        self.init(time: order == .updated ? record.updatedAt : record.createdAt, user: record.key.user, id: record.key.id)
    }
}
