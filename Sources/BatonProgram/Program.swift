internal import BatonCLI

/// The program `baton`. It is a target of its own so that whoever else links the command line has a `main` of theirs.
@main
enum Program {
    @MainActor
    static func main() async { await BatonCommand.main() }
}
