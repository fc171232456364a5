/// One setting: its flag, environment variable, configuration key, default and help, declared once.
///
/// The value's type says how often it may be given: `Option<Int>` has a default, `Option<Int?>` may be absent, `Option<[String]>` may
/// be repeated, and `Option<Bool>` made by ``flag(_:help:traits:)`` stands alone on the command line.
struct Option<Value: Sendable>: Sendable {
    let declaration: OptionDeclaration
    let defaultValue: Value
    let convert: @Sendable ([String]) -> Value?
}

/// What is known of an option without its type: enough for parsing, help, completion and documentation.
struct OptionDeclaration: Sendable {
    /// Without dashes, in kebab-case.
    let name: String
    var short: Character?
    /// What the value is called in usage, in capitals; nil for a flag.
    let valueName: String?
    let isRepeated: Bool
    /// Nil where only the flag makes sense, as for a confirmation.
    let variable: String?
    let key: String?
    /// Shown as the default; nil when there is none.
    let defaultText: String?
    let help: String
    let choices: [String]
    let completesFiles: Bool
    /// The value is never shown in an error or in an overview.
    let isSecret: Bool
    let configurationTypes: [ConfigurationValue.Kind]
    /// Says what is wrong with one value, or nil.
    let complaint: @Sendable (String) -> String?

    var isFlag: Bool { valueName == nil }
    var longFlag: String { "--" + name }
}

/// Where a value may come from besides the flag.
enum Settable: Sendable {
    /// Variable and key follow from the name: `max-body` is `BATON_MAX_BODY` and `max-body`.
    case everywhere
    /// The same with a key of its own, as in `tls.certificate`.
    case everywhereAs(key: String)
    /// The same with a variable that others have named, as OpenTelemetry has for its settings.
    case everywhereBy(variable: String)
    /// Variable, but no key: for what says where the file is.
    case variable
    /// Neither.
    case flagOnly
}

/// How to make an option: everything that is seldom set has a default here.
struct OptionTraits: Sendable {
    var short: Character?
    var settable: Settable = .everywhere
    var completesFiles = false
    var isSecret = false
}

extension Option {
    private init<Element: ArgumentValue>(
        _ name: String, _ element: Element.Type, valueName: String?, isRepeated: Bool, defaultText: String?, help: String, traits: OptionTraits,
        range: String?, isWithin: @escaping @Sendable (Element) -> Bool, defaultValue: Value, convert: @escaping @Sendable ([Element]) -> Value?
    ) {
        let variable = "BATON_" + name.uppercased().split(separator: "-").joined(separator: "_")
        let (variableName, key): (String?, String?) =
            switch traits.settable {
            case .everywhere: (variable, name)
            case .everywhereAs(let key): (variable, key)
            case .everywhereBy(let variable): (variable, name)
            case .variable: (variable, nil)
            case .flagOnly: (nil, nil)
            }
        declaration = OptionDeclaration(
            name: name, short: traits.short, valueName: valueName, isRepeated: isRepeated, variable: variableName, key: key,
            defaultText: defaultText, help: help, choices: valueName == nil ? [] : Element.choices, completesFiles: traits.completesFiles,
            isSecret: traits.isSecret, configurationTypes: Element.configurationTypes,
            complaint: { text in
                guard let value = Element(argument: text) else { return "expected \(Element.expectation)" }
                return isWithin(value) ? nil : "allowed is \(range ?? Element.expectation)"
            })
        self.defaultValue = defaultValue
        self.convert = { texts in
            var elements: [Element] = []
            for text in texts {
                guard let element = Element(argument: text) else { return nil }
                elements.append(element)
            }
            return convert(elements)
        }
    }

    /// An option that always has a value.
    init(
        _ name: String, _ valueName: String, default defaultValue: Value, help: String, traits: OptionTraits = OptionTraits()
    ) where Value: ArgumentValue {
        self.init(
            name, Value.self, valueName: valueName, isRepeated: false, defaultText: defaultValue.argument, help: help, traits: traits,
            range: nil, isWithin: { _ in true }, defaultValue: defaultValue, convert: \.last)
    }

    /// An option whose value lies in a range.
    init(
        _ name: String, _ valueName: String, default defaultValue: Value, in range: ClosedRange<Value>, help: String,
        traits: OptionTraits = OptionTraits()
    ) where Value: ArgumentValue & Comparable {
        self.init(
            name, Value.self, valueName: valueName, isRepeated: false, defaultText: defaultValue.argument, help: help, traits: traits,
            range: "\(range.lowerBound.argument) to \(range.upperBound.argument)", isWithin: { range.contains($0) }, defaultValue: defaultValue,
            convert: \.last)
    }

    /// An option that may be absent.
    init<Element: ArgumentValue>(_ name: String, _ valueName: String, help: String, traits: OptionTraits = OptionTraits())
    where Value == Element? {
        self.init(
            name, Element.self, valueName: valueName, isRepeated: false, defaultText: nil, help: help, traits: traits, range: nil,
            isWithin: { _ in true }, defaultValue: nil, convert: { .some($0.last) })
    }

    /// An option that may be absent, and whose value lies in a range.
    init<Element: ArgumentValue & Comparable>(
        _ name: String, _ valueName: String, in range: ClosedRange<Element>, help: String, traits: OptionTraits = OptionTraits()
    ) where Value == Element? {
        self.init(
            name, Element.self, valueName: valueName, isRepeated: false, defaultText: nil, help: help, traits: traits,
            range: "\(range.lowerBound.argument) to \(range.upperBound.argument)", isWithin: { range.contains($0) }, defaultValue: nil,
            convert: { .some($0.last) })
    }

    /// An option that may be given several times; in a variable, values are separated by commas.
    init<Element: ArgumentValue>(repeated name: String, _ valueName: String, help: String, traits: OptionTraits = OptionTraits())
    where Value == [Element] {
        self.init(
            name, Element.self, valueName: valueName, isRepeated: true, defaultText: nil, help: help, traits: traits, range: nil,
            isWithin: { _ in true }, defaultValue: [], convert: { $0 })
    }
}

extension Option where Value == Bool {
    /// A flag: `--name`, or `--name=false` to contradict a variable or the file.
    static func flag(_ name: String, help: String, traits: OptionTraits = OptionTraits()) -> Option<Bool> {
        Option(
            name, Bool.self, valueName: nil, isRepeated: false, defaultText: nil, help: help, traits: traits, range: nil, isWithin: { _ in true },
            defaultValue: false, convert: \.last)
    }
}
