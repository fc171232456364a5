internal import Synchronization

/// At most so many records in a window of time, per call site; the rest are counted.
public struct RateLimit: Sendable, Equatable {
    /// How many records a window admits; at least one.
    public let count: Int
    /// The length of a window.
    public let window: Duration

    /// A limit of `count` records a second.
    public static func perSecond(_ count: Int) -> RateLimit { RateLimit(count: max(1, count), window: .seconds(1)) }
    /// A limit of `count` records a minute.
    public static func perMinute(_ count: Int) -> RateLimit { RateLimit(count: max(1, count), window: .seconds(60)) }
}

/// Fixed windows by site. Sites are places in the source by default; keys made of data are bounded by `maximumSites`, beyond which
/// all further sites share one window.
final class RateLimiter: Sendable {
    static let maximumSites = 1024
    private static let sharedSite = "other sites"
    private let windows = Mutex<[String: Window]>([:])

    private struct Window {
        var endsAt: Int64
        var admitted = 0
        var suppressed = 0
    }

    enum Verdict: Equatable {
        /// Write it; so many of the site were suppressed before.
        case admitted(suppressed: Int)
        case suppressed(isFirst: Bool)
    }

    func admit(_ site: String, _ limit: RateLimit, nowMilliseconds now: Int64) -> Verdict {
        windows.withLock { windows in
            let site = Self.slot(of: site, in: windows)
            let end = now &+ limit.window.wholeMilliseconds
            var window = windows[site] ?? Window(endsAt: end)
            defer { windows[site] = window }
            var missed = 0
            if now >= window.endsAt {
                missed = window.suppressed
                window = Window(endsAt: end)
            }
            if window.admitted < limit.count {
                window.admitted += 1
                return .admitted(suppressed: missed)
            }
            window.suppressed += 1
            return .suppressed(isFirst: window.suppressed == 1)
        }
    }

    func takeSuppressed(_ site: String) -> Int {
        windows.withLock { windows in
            let site = Self.slot(of: site, in: windows)
            let missed = windows[site]?.suppressed ?? 0
            windows[site]?.suppressed = 0
            return missed
        }
    }

    private static func slot(of site: String, in windows: [String: Window]) -> String {
        windows.count < maximumSites || windows[site] != nil ? site : sharedSite
    }
}
