/// The page of the documentation that lists every setting, made from the declarations.
enum ConfigurationPage {
    static var text: String {
        """
        # Configuration

        Every setting has a flag, most have an environment variable and a key of the configuration file. The flag wins over the variable, \
        the variable over the file, the file over the default. `baton doctor` shows what is in force and where it came from.

        The file is named by `--config` or `BATON_CONFIG` and is TOML: `key = value`, strings in quotes, arrays on one line.

        ```toml
        store = "sqlite:/var/lib/baton/baton.db"
        listen = ["127.0.0.1:4437"]
        session-ttl = "30d"
        log-format = "json"
        ```

        `BATON_TOKEN` holds the token for a daemon. It has neither flag nor key, because command lines and configuration files are \
        read by others; `--token-file` names a file that only its owner can read.

        This page is written from the declarations of the options; a test compares it with them.

        \(OptionTable.markdown(tree: BatonCommand.root))
        """
    }
}
