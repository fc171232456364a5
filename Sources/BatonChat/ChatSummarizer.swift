public import BatonCore
internal import BatonHTTP
public import BatonIO

/// Summaries by a language model behind a chat endpoint.
///
/// A busy server (408, 425, 429), a broken one (5xx) and one that cannot be reached are asked again, later each time; any other refusal is final. It ends when its task is
/// cancelled.
public final class ChatSummarizer: Summarizer {
    /// The model's name.
    public let model: String?
    private let endpoint: ChatEndpoint
    private let prompt: ChatPrompt
    private let client: HTTPClient
    private let parameters: [(String, JSON)]

    /// The most of an answer that is read.
    private static let maximumAnswer = 4 << 20

    /// A summarizer that connects when it first has to.
    /// - Parameters:
    ///   - limitsWords: whether its configuration limits the words of summaries, which the prompt has to say.
    ///   - loop: where its connections run; one of its own when `nil`.
    /// - Throws: ``BatonCore/StoreError/Code/invalidParameter`` for an address, a prompt or an authorities file that cannot be used.
    public init(
        _ endpoint: ChatEndpoint, prompt: ChatPrompt = .standard, limitsWords: Bool = false, on loop: EventLoop? = nil
    ) throws(StoreError) {
        guard !endpoint.model.isEmpty, endpoint.model.utf8.count <= 256 else {
            throw StoreError(.invalidParameter, "the name of the model has 1 to 256 bytes")
        }
        guard (1...100).contains(endpoint.attempts), endpoint.timeout > .zero else {
            throw StoreError(.invalidParameter, "a model is asked 1 to 100 times, and given time to answer")
        }
        if let name = endpoint.parameters.keys.filter({ ["model", "messages", "stream", "temperature"].contains($0) }).min() {
            throw StoreError(.invalidParameter, "the parameter \(name) of a model is set by other means")
        }
        parameters = endpoint.parameters.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
        self.endpoint = endpoint
        self.prompt = try prompt.checked(limitsWords: limitsWords)
        model = endpoint.model
        var configuration = HTTPClient.Configuration()
        configuration.bearerToken = endpoint.key
        configuration.limits.bodyBytes = ChatSummarizer.maximumAnswer
        configuration.maximumConnections = 16
        do throws(HTTPError) {
            let url = try HTTPURL(endpoint.url)
            configuration.tls = try url.isEncrypted ? ChatSummarizer.trust(endpoint.authorities) : nil
            client = try HTTPClient(url, configuration, on: loop)
        } catch {
            throw StoreError(.invalidParameter, "the model's endpoint: \(error.message)", underlying: error)
        }
    }

    private static func trust(_ authorities: String?) throws(HTTPError) -> TLSClientContext {
        do throws(IOError) { return try TLSClientContext(authorities: authorities) } catch {
            throw HTTPError(.unreachable, "the authorities cannot be read", underlying: error)
        }
    }

    /// Closes the connections.
    public func close() async { await client.close() }

    /// The model's words.
    /// - Throws: ``BatonCore/StoreError/Code/summaryFailed``, ``BatonCore/StoreError/Code/cancelled``.
    public func summarize(_ input: SummaryInput) async throws -> String {
        let request = request(for: input)
        var attempt = 1
        while true {
            let (failure, asked): (StoreError, Duration?)
            switch await answer(to: request) {
            case .success(let reply):
                endpoint.onAnswer?(ChatAnswer(session: input.session, filter: input.filter, attempts: attempt, usage: reply.usage))
                return reply.text
            case .failure(.final(let error)): throw error
            case .failure(.passing(let error, let wait)): (failure, asked) = (error, wait)
            }
            guard attempt < endpoint.attempts else { throw failure }
            // A server that wants to be left alone for longer than that is asked by a later job.
            if let asked, asked > endpoint.longestDelay { throw failure }
            try await Task.sleep(for: asked ?? jitter(attempt))
            attempt += 1
        }
    }

    /// Why an attempt has failed: for good, or so that it is worth another one, maybe after a time that the server gives.
    private enum Failure: Error {
        case final(StoreError)
        case passing(StoreError, Duration?)
    }

    private func answer(to request: Request) async -> Result<ChatReply, Failure> {
        let reply: HTTPClient.Reply
        do throws(HTTPError) {
            // A summary is asked for and nothing else happens, so it may be asked for again.
            reply = try await client.send(request, by: .after(endpoint.timeout), isRepeatable: true)
        } catch {
            switch error.code {
            case .cancelled, .closed: return .failure(.final(StoreError(.cancelled, "the summary was cancelled", underlying: error)))
            // Who is not trusted now will not be trusted a moment later.
            case .unreachable where (error.underlying as? IOError)?.code == .tls:
                return .failure(.final(StoreError(.summaryFailed, "the model's server could not be reached over TLS", underlying: error)))
            case .timedOut, .unreachable, .connectionClosed:
                return .failure(.passing(StoreError(.summaryFailed, "the model's server: \(error.message)", underlying: error), nil))
            default: return .failure(.final(StoreError(.summaryFailed, "the model's server: \(error.message)", underlying: error)))
            }
        }
        guard reply.status.isSuccess else {
            let error = StoreError(.summaryFailed, "the model's server answered \(reply.status)")
            guard [408, 425, 429].contains(reply.status.code) || reply.status.code >= 500 else { return .failure(.final(error)) }
            let wait = reply.headers["Retry-After"].flatMap { Int($0) }.map { Duration.seconds(min(max(0, $0), 86_400)) }
            return .failure(.passing(error, wait))
        }
        let isStream = reply.headers["Content-Type"]?.lowercased().hasPrefix("text/event-stream") ?? false
        do throws(StoreError) { return .success(try ChatReply(reply.body, isStream: isStream)) } catch { return .failure(.final(error)) }
    }

    private func jitter(_ attempt: Int) -> Duration {
        let longest = min(endpoint.longestDelay, endpoint.firstDelay * (1 << min(attempt - 1, 20)))
        return longest * Double.random(in: 0.5...1)
    }

    private func request(for input: SummaryInput) -> Request {
        let (system, user) = prompt.messages(for: input)
        var writer = JSONWriter(reserving: user.utf8.count + 1024)
        writer.object { writer in
            writer.name("model")
            writer.string(endpoint.model)
            writer.name("messages")
            writer.array { writer in
                for (role, text) in [("system", system), ("user", user)] {
                    guard let text else { continue }
                    writer.object { writer in
                        writer.name("role")
                        writer.string(role)
                        writer.name("content")
                        writer.string(text)
                    }
                }
            }
            if let temperature = endpoint.temperature {
                writer.name("temperature")
                writer.raw("\(temperature)".utf8)
            }
            for (name, value) in parameters { writer.member(name, value) }
            writer.name("stream")
            writer.bool(false)
        }
        return Request(
            .post, "/chat/completions", headers: ["Content-Type": "application/json", "Accept": "application/json"], body: writer.bytes)
    }
}
