/// A command line that was understood: which command, and the value of each of its options.
struct Invocation: Sendable {
    let path: CommandPath
    /// Positional arguments by the name of their declaration.
    let arguments: [String: [String]]
    private let settings: [String: Setting]

    /// The texts given for an option, and where.
    struct Setting: Sendable, Equatable {
        var texts: [String]
        var source: Source
    }

    /// Where a value came from, strongest first.
    enum Source: Sendable, Equatable {
        case flag
        case variable(String)
        case file(String, line: Int)
        case byDefault
    }

    init(path: CommandPath, arguments: [String: [String]], settings: [String: Setting]) {
        self.path = path
        self.arguments = arguments
        self.settings = settings
    }

    /// The value of an option of this command or of one above it.
    subscript<Value>(option: Option<Value>) -> Value {
        // Every text was checked when the command line was read.
        settings[option.declaration.name].flatMap { option.convert($0.texts) } ?? option.defaultValue
    }

    /// The positional argument of this name: nil when it was left out.
    subscript(argument name: String) -> String? { arguments[name]?.first }

    /// Where the option's value came from.
    func source<Value>(of option: Option<Value>) -> Source { settings[option.declaration.name]?.source ?? .byDefault }

    /// Every option with its value in words and where it came from, secrets left out: the effective configuration.
    var effective: [(name: String, value: String, source: Source)] {
        path.options.map { option in
            let setting = settings[option.name]
            let value = setting.map { option.isSecret ? "[redacted]" : $0.texts.joined(separator: ",") }
            return (option.name, value ?? option.defaultText ?? (option.isFlag ? false.argument : ""), setting?.source ?? .byDefault)
        }
    }
}
