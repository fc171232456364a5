/// A type that can be read from a flag, an environment variable or a configuration file.
protocol ArgumentValue: Sendable {
    /// What a value looks like, to end the sentence "expected …".
    static var expectation: String { get }
    /// The TOML types a configuration file may use for it.
    static var configurationTypes: [ConfigurationValue.Kind] { get }
    /// Every value there is, when there are few: offered by completion, listed in help.
    static var choices: [String] { get }

    /// Reads the text; nil when it is none.
    init?(argument: String)
    /// The value as a user would write it.
    var argument: String { get }
}

extension ArgumentValue {
    static var choices: [String] { [] }
    static var configurationTypes: [ConfigurationValue.Kind] { [.string] }
}

extension String: ArgumentValue {
    static var expectation: String { "text" }
    init?(argument: String) { self = argument }
    var argument: String { self }
}

extension Int: ArgumentValue {
    static var expectation: String { "a whole number" }
    static var configurationTypes: [ConfigurationValue.Kind] { [.integer] }
    init?(argument: String) { self.init(argument) }
    var argument: String { String(self) }
}

extension Bool: ArgumentValue {
    static var expectation: String { "true or false" }
    static var configurationTypes: [ConfigurationValue.Kind] { [.boolean] }

    init?(argument: String) {
        switch argument.lowercased() {
        case "true", "yes", "on", "1": self = true
        case "false", "no", "off", "0": self = false
        default: return nil
        }
    }

    var argument: String { self ? "true" : "false" }
}

/// An enumeration over strings is an argument by itself.
extension ArgumentValue where Self: RawRepresentable & CaseIterable, RawValue == String {
    static var expectation: String { "one of " + choices.joined(separator: ", ") }
    static var choices: [String] { allCases.map(\.rawValue) }
    init?(argument: String) { self.init(rawValue: argument) }
    var argument: String { rawValue }
}
