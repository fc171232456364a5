extension Logger {
    /// Keys and values that accompany a message, in the order in which they were added. Few by nature, so look-ups are linear.
    public struct Metadata: Sendable, Equatable, ExpressibleByDictionaryLiteral {
        var entries: [Entry]

        struct Entry: Sendable, Equatable {
            var key: String
            var value: Value
        }

        /// Metadata from key-value pairs; of equal keys the last one counts.
        public init(dictionaryLiteral elements: (String, Value)...) {
            entries = []
            entries.reserveCapacity(elements.count)
            for (key, value) in elements { self[key] = value }
        }

        /// The value of a key; nil where there is none. Setting nil removes the key.
        public subscript(key: String) -> Value? {
            get { entries.first { $0.key == key }?.value }
            set {
                let index = entries.firstIndex { $0.key == key }
                switch (index, newValue) {
                case (let index?, let value?): entries[index].value = value
                case (let index?, nil): entries.remove(at: index)
                case (nil, let value?): entries.append(Entry(key: key, value: value))
                case (nil, nil): break
                }
            }
        }

        /// Whether there is nothing in it.
        public var isEmpty: Bool { entries.isEmpty }

        /// Adds the ids of a span, under the names that OpenTelemetry gives them in logs; those that are there stay.
        public mutating func add(_ context: TraceContext) {
            guard self["trace_id"] == nil else { return }
            self["trace_id"] = .string(context.traceID)
            self["span_id"] = .string(context.spanIDText)
        }

        /// Both together; where both have a key, `other` counts.
        public func merging(_ other: Metadata) -> Metadata {
            if other.isEmpty { return self }
            if isEmpty { return other }
            var merged = self
            for entry in other.entries { merged[entry.key] = entry.value }
            return merged
        }
    }

    /// What a metadata key may hold.
    public enum Value: Sendable, Equatable {
        case string(String)
        case int(Int)
        case double(Double)
        case bool(Bool)
        case list([Value])
    }
}

extension Logger.Value: ExpressibleByStringInterpolation, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral, ExpressibleByBooleanLiteral,
    ExpressibleByArrayLiteral
{
    /// A string value.
    public init(stringLiteral value: String) { self = .string(value) }
    /// An integer value.
    public init(integerLiteral value: Int) { self = .int(value) }
    /// A floating-point value.
    public init(floatLiteral value: Double) { self = .double(value) }
    /// A Boolean value.
    public init(booleanLiteral value: Bool) { self = .bool(value) }
    /// A list of values.
    public init(arrayLiteral elements: Logger.Value...) { self = .list(elements) }
}
