public import BatonCore

/// A storage made for a test before another one. What it does not do itself is passed on.
public protocol TestLayer: StorageLayer {}

extension TestLayer {
    /// Nothing is waited for.
    public func enter(_ key: SessionKey, to use: StorageUse) async throws(StoreError) {}
    /// Nothing is waited for.
    public func enter(_ owner: SessionQuery.Owner) async throws(StoreError) {}
    /// As the storage behind.
    public func with(durability: Durability) throws(StoreError) -> any Storage { try base.with(durability: durability) }
}
