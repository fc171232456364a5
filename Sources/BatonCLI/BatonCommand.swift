@main
enum BatonCommand {
    static func main() {}
}
