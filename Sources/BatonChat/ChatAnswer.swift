public import BatonCore

/// What a model's answer was for, and what it cost.
public struct ChatAnswer: Sendable, Hashable {
    /// The session that was summarised.
    public var session: SessionKey
    /// Which events of it; empty for all.
    public var filter: String
    /// How often the server was asked for it.
    public var attempts: Int
    /// What the answer says of its cost, such as `prompt_tokens` and `completion_tokens`, as the server wrote it; `nil` when it says nothing.
    public var usage: JSON?
}
