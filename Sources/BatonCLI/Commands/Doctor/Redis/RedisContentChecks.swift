internal import Baton
internal import BatonCore
internal import BatonRedis
internal import BatonRedisClient

/// What lies under the prefix, and whether it can be written.
struct RedisContentChecks {
    private let inspection: Inspection
    private let configuration: StoreConfiguration

    init(_ inspection: Inspection, _ configuration: StoreConfiguration) {
        self.inspection = inspection
        self.configuration = configuration
    }

    func findings() async -> [Finding] {
        var findings: [Finding] = []
        let layout: (version: Int, shards: Int)?
        do throws(StoreError) { layout = try await inspection.layout() } catch { return [failed("layout", error)] }
        if let layout {
            findings.append(judged(layout))
            guard findings[0].severity != .error else { return findings }
        } else {
            let shards = configuration.shards ?? RedisStorageConfiguration.defaultShards
            findings.append(.ok("layout", "the prefix \(inspection.prefix) is new; its first use lays it out with \(shards) shards, for good"))
        }
        do throws(StoreError) {
            try await inspection.write()
            findings.append(.ok("health", "the store can be read and written"))
        } catch { findings.append(failed("health", error)) }
        if layout != nil { findings.append(await lifetimes()) }
        return findings
    }

    private func judged(_ layout: (version: Int, shards: Int)) -> Finding {
        let prefix = inspection.prefix
        if layout.version != RedisStorage.layoutVersion {
            return .error(
                "layout", "the prefix \(prefix) has layout \(layout.version), this program knows \(RedisStorage.layoutVersion)",
                do: "Use the version of Baton that made it, or another --key-prefix.")
        }
        if let asked = configuration.shards, asked != layout.shards {
            return .error(
                "layout", "the prefix \(prefix) was laid out with \(layout.shards) shards, not \(asked); the number cannot be changed afterwards",
                do: "Leave --shards away, or use another --key-prefix.")
        }
        return .ok("layout", "the prefix \(prefix) has layout \(layout.version) and \(layout.shards) shards")
    }

    private func lifetimes() async -> Finding {
        let sample: Inspection.Sample?
        do throws(RedisError) { sample = try await inspection.sample() } catch {
            return .unseen("lifetimes", "sessions could not be looked at: \(error.message)", do: "Look again.")
        }
        guard let sample else {
            return .unseen(
                "lifetimes", "whether sessions have a lifetime could not be seen: SCAN is refused, which a store does not need",
                do: "Nothing, or: ACL SETUSER \(inspection.user ?? "USER") +scan")
        }
        guard sample.sessions > 0 else { return .ok("lifetimes", "no session was met among about \(sample.keys) keys") }
        guard sample.withoutLifetime > 0 else { return .ok("lifetimes", "all of \(sample.sessions) sessions that were looked at have one") }
        return .warning(
            "lifetimes", "\(sample.withoutLifetime) of \(sample.sessions) sessions that were looked at live for ever",
            do: "Memory fills up unless somebody deletes them: give new ones a lifetime with --session-ttl.")
    }

    private func failed(_ check: String, _ error: StoreError) -> Finding {
        let advice =
            switch error.code {
            case .storeIncompatible: "Use another --key-prefix, or take away what is in the way."
            case .invalidParameter: "Correct the option."
            default: "See what the other checks say of memory, persistence and replication."
            }
        return .error(check, error.message, do: advice, exitCode: ExitCode(error.code))
    }
}
