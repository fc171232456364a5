internal import BatonCore

// How web hooks are kept. With its secrets a record is as confidential as the store.

extension WebHook {
    var record: JSON {
        var writer = JSONWriter()
        writer.object { writer in
            writer.name("topic")
            writer.string(topic)
            writer.name("types")
            writer.strings(filter.types)
            writer.name("keys")
            writer.strings(filter.keys)
            writer.name("app")
            writer.string(filter.app)
            writer.name("user")
            writer.string(filter.user)
            writer.name("url")
            writer.string(url.text)
            writer.name("secrets")
            writer.strings(secrets.map(\.revealed))
            writer.name("maximumDeliveries")
            writer.int(settings.maximumDeliveries)
            writer.name("lease")
            writer.int(settings.leaseMilliseconds)
            writer.name("backoff")
            writer.int(settings.backoffMilliseconds)
            writer.name("maximumBackoff")
            writer.int(settings.maximumBackoffMilliseconds)
            writer.name("ordered")
            writer.bool(settings.isOrdered)
            writer.name("concurrency")
            writer.int(concurrency)
            writer.name("timeout")
            writer.int(timeoutMilliseconds)
            writer.name("revision")
            writer.string(revision)
        }
        return JSON(checked: writer.bytes)
    }

    init?(_ name: String, record: JSON) {
        func strings(_ name: String) -> [String] { record[name]?.elements?.compactMap(\.stringValue) ?? [] }
        guard let topic = record["topic"]?.stringValue, let url = record["url"]?.stringValue.flatMap({ try? WebHookURL($0) }),
            let maximumDeliveries = record["maximumDeliveries"]?.intValue, let lease = record["lease"]?.intValue,
            let backoff = record["backoff"]?.intValue, let maximumBackoff = record["maximumBackoff"]?.intValue,
            let concurrency = record["concurrency"]?.intValue, let timeout = record["timeout"]?.intValue,
            let revision = record["revision"]?.stringValue
        else { return nil }
        self.name = name
        self.topic = topic
        var filter = TopicFilter()
        filter.types = strings("types")
        filter.keys = strings("keys")
        filter.app = record["app"]?.stringValue
        filter.user = record["user"]?.stringValue
        self.filter = filter
        self.url = url
        secrets = strings("secrets").compactMap { try? WebHookSecret($0) }
        settings = GroupSettings(
            maximumDeliveries: maximumDeliveries, leaseMilliseconds: lease, backoffMilliseconds: backoff,
            maximumBackoffMilliseconds: maximumBackoff, isOrdered: record["ordered"]?.description == "true")
        self.concurrency = concurrency
        timeoutMilliseconds = timeout
        self.revision = revision
        // Unsigned requests would be worse than none.
        if secrets.isEmpty { return nil }
    }
}

extension WebHook.Disabling {
    func record(for revision: String) -> JSON {
        var writer = JSONWriter()
        writer.object { writer in
            writer.name("revision")
            writer.string(revision)
            writer.name("time")
            writer.time(time)
            writer.name("reason")
            writer.string(reason)
        }
        return JSON(checked: writer.bytes)
    }

    /// Nil for a mark on another form of the web hook.
    init?(record: JSON, revision: String) {
        guard record["revision"]?.stringValue == revision, let time = record["time"]?.stringValue.flatMap(Timestamp.init),
            let reason = record["reason"]?.stringValue
        else { return nil }
        self.time = time
        self.reason = reason
    }
}
