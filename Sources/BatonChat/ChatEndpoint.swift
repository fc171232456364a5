public import BatonCore
public import BatonTelemetry

/// A chat endpoint in the manner of OpenAI's, which many servers of models have: `POST BASE/chat/completions`.
public struct ChatEndpoint: Sendable {
    /// Up to where all such endpoints look alike: `https://api.openai.com/v1`, `http://localhost:11434/v1`.
    public var url: String
    /// The model, as the server names it.
    public var model: String
    /// Sent as a bearer token; `nil` for none.
    public var key: Secret<String>?
    /// PEM file of the authorities that vouch for the server; `nil` for those of the system.
    public var authorities: String?
    /// How often a request is sent at most, when the server is busy, failed or cannot be reached.
    public var attempts: Int
    /// The wait before the second attempt; twice as long before each further one, with full jitter, unless the server says how long.
    public var firstDelay: Duration
    /// No wait is longer.
    public var longestDelay: Duration
    /// How long one attempt may take.
    public var timeout: Duration
    /// How the model picks its words, 0 to 2; `nil` leaves it to the server.
    public var temperature: Double?
    /// Further members of every request, such as `max_tokens` or `reasoning_effort`, as the server knows them.
    public var parameters: [String: JSON]
    /// Told of every answer that became a summary's text, on any thread; returns at once.
    public var onAnswer: (@Sendable (ChatAnswer) -> Void)?

    /// An endpoint with up to four attempts of 30 seconds each.
    public init(url: String, model: String, key: Secret<String>? = nil) {
        self.url = url
        self.model = model
        self.key = key
        attempts = 4
        firstDelay = .milliseconds(500)
        longestDelay = .seconds(20)
        timeout = .seconds(30)
        parameters = [:]
    }
}
