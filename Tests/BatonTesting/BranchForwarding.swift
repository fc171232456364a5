public import BatonCore

/// A storage made for a test that leaves branches to the one behind it.
public protocol BranchForwarding: BranchStorage {
    associatedtype Branches: BranchStorage
    /// The storage behind it.
    var branches: Branches { get }
}

extension BranchForwarding {
    /// As the storage behind it does.
    public func fork(_ key: SessionKey, _ draft: ForkDraft, to fork: SessionKey, epoch: Int?) async throws(StoreError) -> SessionSnapshot {
        try await branches.fork(key, draft, to: fork, epoch: epoch)
    }

    /// As the storage behind it does.
    public func rewind(_ key: SessionKey, _ draft: RewindDraft) async throws(StoreError) -> AppendReceipt {
        try await branches.rewind(key, draft)
    }

    /// As the storage behind it does.
    public func lineage(of key: SessionKey) async throws(StoreError) -> Lineage { try await branches.lineage(of: key) }

    /// As the storage behind it does.
    public func compare(_ key: SessionKey, with other: SessionKey) async throws(StoreError) -> BranchComparison {
        try await branches.compare(key, with: other)
    }
}
