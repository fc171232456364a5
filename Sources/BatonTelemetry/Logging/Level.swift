extension Logger {
    /// How much a record matters, lowest first.
    public enum Level: String, Sendable, CaseIterable, Comparable {
        case trace, debug, info, notice, warning, error, critical

        /// Orders by severity.
        public static func < (left: Level, right: Level) -> Bool { left.rawOrder < right.rawOrder }

        var rawOrder: UInt8 {
            switch self {
            case .trace: 0
            case .debug: 1
            case .info: 2
            case .notice: 3
            case .warning: 4
            case .error: 5
            case .critical: 6
            }
        }

        init?(rawOrder: UInt8) {
            guard let level = Level.allCases.first(where: { $0.rawOrder == rawOrder }) else { return nil }
            self = level
        }
    }
}
