// swift-tools-version: 6.2
import PackageDescription

// One set of flags for every Swift target: the language mode is Swift 6, imports are internal unless they are said to be
// public, helpers stay on their caller's executor, and a warning is an error.
let flags: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .treatAllWarnings(as: .error),
]

// The places where bytes from outside come in: their corpus is a test like others; `make fuzz` builds the same sources as a program around libFuzzer,
// which has to be linked with its runtime and takes the place of the test.
let fuzzing: Target = {
    let dependencies: [Target.Dependency] = [
        "Baton", "BatonCLI", "BatonCore", "BatonHTTP", "BatonIO", "BatonRedis", "BatonRedisClient", "BatonRemote", "BatonSQLite", "BatonServer",
        "BatonTelemetry",
    ]
    let path = "Tests/BatonFuzz"
    guard Context.environment["BATON_FUZZING"] != nil else {
        return .testTarget(name: "BatonFuzzTests", dependencies: dependencies, path: path, exclude: ["Corpus", "Driver"], swiftSettings: flags)
    }
    return .executableTarget(
        name: "BatonFuzz", dependencies: dependencies, path: path, exclude: ["Corpus", "CorpusTests.swift"], swiftSettings: flags)
}()

let package = Package(
    name: "baton",
    platforms: [.macOS(.v26)],
    products: [
        // Besides the store: what metrics and spans are made with, the way of spans to a collector, and summaries by language models.
        .library(name: "Baton", targets: ["Baton", "BatonChat", "BatonTelemetry", "BatonOTLP"]),
        .executable(name: "baton", targets: ["BatonProgram"]),
    ],
    targets: [
        // C glue: module maps and inline wrappers, nothing else.
        .systemLibrary(
            name: "CBatonEvent", pkgConfig: "libevent_core", providers: [.apt(["libevent-dev"]), .brew(["libevent"])]),
        .systemLibrary(name: "CBatonTLS", pkgConfig: "openssl", providers: [.apt(["libssl-dev"]), .brew(["openssl@3"])]),
        .systemLibrary(name: "CBatonSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"]), .brew(["sqlite"])]),
        .target(name: "CBatonPlatform"),

        // From the bottom up: a target imports only what stands above it in this list.
        .target(name: "BatonTelemetry", dependencies: ["CBatonPlatform"], swiftSettings: flags),
        .target(
            name: "BatonIO", dependencies: ["BatonTelemetry", "CBatonEvent", "CBatonTLS", "CBatonPlatform"], swiftSettings: flags),
        .target(name: "BatonRedisClient", dependencies: ["BatonIO", "BatonTelemetry"], swiftSettings: flags),
        .target(name: "BatonHTTP", dependencies: ["BatonIO", "BatonTelemetry"], swiftSettings: flags),
        .target(name: "BatonOTLP", dependencies: ["BatonHTTP", "BatonIO", "BatonTelemetry"], swiftSettings: flags),
        .target(name: "BatonCore", dependencies: ["BatonTelemetry", "CBatonTLS", "CBatonPlatform"], swiftSettings: flags),
        .target(
            name: "BatonRedis", dependencies: ["BatonCore", "BatonRedisClient", "BatonIO", "BatonTelemetry"], swiftSettings: flags),
        .target(name: "BatonSQLite", dependencies: ["BatonCore", "BatonTelemetry", "CBatonPlatform", "CBatonSQLite"], swiftSettings: flags),
        .target(name: "BatonRemote", dependencies: ["BatonCore", "BatonHTTP", "BatonIO", "BatonTelemetry"], swiftSettings: flags),
        .target(name: "BatonChat", dependencies: ["BatonCore", "BatonHTTP", "BatonIO", "BatonTelemetry"], swiftSettings: flags),
        .target(
            name: "Baton", dependencies: ["BatonCore", "BatonRedis", "BatonRedisClient", "BatonSQLite", "BatonRemote", "BatonIO", "BatonTelemetry"],
            swiftSettings: flags),
        .target(
            name: "BatonServer", dependencies: ["Baton", "BatonCore", "BatonHTTP", "BatonOTLP", "BatonIO", "BatonTelemetry", "CBatonTLS"],
            swiftSettings: flags),
        .target(
            name: "BatonCLI",
            dependencies: [
                "Baton", "BatonChat", "BatonCore", "BatonRedis", "BatonRedisClient", "BatonSQLite", "BatonServer", "BatonHTTP", "BatonOTLP",
                "BatonIO", "BatonTelemetry", "CBatonPlatform",
            ],
            swiftSettings: flags),
        .executableTarget(name: "BatonProgram", dependencies: ["BatonCLI"], swiftSettings: flags),
        .executableTarget(
            name: "BatonBenchmarks",
            dependencies: [
                "Baton", "BatonCore", "BatonRedis", "BatonSQLite", "BatonHTTP", "BatonOTLP", "BatonIO", "BatonServer", "BatonTelemetry",
                "BatonRedisClient",
            ],
            path: "Benchmarks/Sources", swiftSettings: flags),

        .executableTarget(name: "Conversation", dependencies: ["Baton"], path: "Examples/Library", swiftSettings: flags),

        // Tests. BatonTesting is what they share: the storage contract, the reference model, servers and processes.
        .target(
            name: "BatonTesting", dependencies: ["BatonCore", "BatonTelemetry", "CBatonPlatform"], path: "Tests/BatonTesting", swiftSettings: flags),
        .executableTarget(
            name: "TurnWorker", dependencies: ["Baton", "BatonCore"], path: "Tests/TurnWorker", swiftSettings: flags),
        .executableTarget(
            name: "BusWorker", dependencies: ["Baton", "BatonCore", "BatonSQLite", "BatonTesting", "CBatonSQLite"], path: "Tests/BusWorker",
            swiftSettings: flags),
        .target(name: "CBatonAllocations", path: "Tests/CBatonAllocations"),
        .testTarget(name: "BatonTelemetryTests", dependencies: ["BatonTelemetry", "BatonTesting"], swiftSettings: flags),
        .testTarget(name: "BatonIOTests", dependencies: ["BatonIO", "BatonTesting", "CBatonPlatform"], swiftSettings: flags),
        .testTarget(
            name: "BatonRedisClientTests",
            dependencies: ["BatonRedisClient", "BatonIO", "BatonTelemetry", "BatonTesting", "CBatonAllocations"], swiftSettings: flags),
        .testTarget(
            name: "BatonHTTPTests", dependencies: ["BatonHTTP", "BatonIO", "BatonTesting"], resources: [.copy("Cases")], swiftSettings: flags),
        .testTarget(
            name: "BatonOTLPTests", dependencies: ["BatonOTLP", "BatonHTTP", "BatonIO", "BatonTelemetry", "BatonTesting"], swiftSettings: flags),
        .testTarget(name: "BatonCoreTests", dependencies: ["BatonCore", "BatonTesting"], swiftSettings: flags),
        .testTarget(
            name: "BatonRedisTests", dependencies: ["BatonRedis", "BatonRedisClient", "BatonCore", "BatonTesting"], swiftSettings: flags),
        .testTarget(
            name: "BatonSQLiteTests", dependencies: ["BatonSQLite", "BatonCore", "BatonTesting", "CBatonSQLite"], swiftSettings: flags),
        .testTarget(
            name: "BatonChatTests", dependencies: ["BatonChat", "BatonCore", "BatonHTTP", "BatonIO", "BatonTelemetry", "BatonTesting"],
            swiftSettings: flags),
        .testTarget(
            name: "BatonServerTests",
            dependencies: [
                "BatonServer", "Baton", "BatonRemote", "BatonCore", "BatonHTTP", "BatonOTLP", "BatonIO", "BatonTelemetry", "BatonTesting",
            ],
            swiftSettings: flags),
        .testTarget(
            name: "BatonCLITests",
            dependencies: [
                "BatonCLI", "BatonProgram", "Baton", "BatonCore", "BatonRedis", "BatonRedisClient", "BatonServer", "BatonHTTP", "BatonOTLP",
                "BatonIO",
                "BatonTelemetry", "BatonTesting", "TurnWorker",
            ],
            swiftSettings: flags),
        .testTarget(
            name: "BatonFaultTests", dependencies: ["Baton", "BatonCore", "BatonTesting", "BusWorker", "CBatonSQLite"], swiftSettings: flags),
        fuzzing,
    ],
    swiftLanguageModes: [.v6]
)
