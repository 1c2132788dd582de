package vn.nghisu

import java.nio.file.Path
import kotlin.io.path.createDirectories
import kotlin.io.path.readText
import kotlin.io.path.writeBytes
import kotlin.io.path.writeText

const val PROGRAMME = """
id = "ky-hop-1"
kind = "regular_session"
title = "Kỳ họp thứ nhất"
when = { year = 2026, month = 7, day = 9 }

[[paper]]
id = "to-trinh"
number = "12/TTr-UBND"
title = "Tờ trình về dự toán"
file = "to-trinh.txt"

[[item]]
id = "khai-mac"
number = "1"
title = "Khai mạc"
type = "ceremony"
minutes = 10

[[item]]
id = "du-toan"
number = "2"
title = "Dự toán ngân sách"
type = "report"
presenters = [{ person = "Bà Bình", post = "Giám đốc Sở Tài chính" }]
minutes = 30
papers = ["to-trinh"]
"""

const val PAPER = "Nội dung tờ trình.\n"

/** A real office: the program, on a free port or at an [address], that has published [PROGRAMME]. */
class Office(private val folder: Path, address: String = "127.0.0.1:0") : AutoCloseable {
    private val data = folder.createDirectories().resolve("data")
    private val program = Path.of(System.getProperty("jna.library.path"), "nghisu").toString()
    private var server: Process? = null
    private val people = mutableSetOf<String>()

    /** Where it serves. */
    var address: String = address
        private set

    init {
        val passphrase = folder.resolve("passphrase").apply { writeText("a passphrase of these tests") }
        run("init", "--root-key", "${folder.resolve("root.key")}", "--passphrase-file", "$passphrase")
        open()
        publish(PROGRAMME, "to-trinh.txt" to PAPER.toByteArray())
    }

    /** Serves, at the address that it had. */
    fun open() {
        val portFile = folder.resolve("port")
        val server = start("serve", "--listen", address, "--port-file", "$portFile")
        // It says so once it is open.
        checkNotNull(server.inputReader().readLine()) { "the office has ended: ${server.waitFor()}" }
        address = portFile.readText()
        this.server = server
    }

    /** Publishes a programme with the files of its papers. */
    fun publish(programme: String, vararg papers: Pair<String, ByteArray>) {
        for ((name, bytes) in papers) folder.resolve(name).writeBytes(bytes)
        val file = folder.resolve("programme.toml").apply { writeText(programme) }
        run("import", "$file")
        publishDrafts()
    }

    /** Publishes the drafts as they stand, from the office's console. */
    fun publishDrafts() {
        run("publish")
    }

    /** States what the body is, as this file has it. */
    fun stateBody(body: String) {
        val file = folder.resolve("body.toml").apply { writeText(body) }
        run("body", "import", "$file")
    }

    /** Invites one device of a person, who is added the first time; its six digits are compared by nobody. */
    fun invitation(name: String, role: String = "delegate"): String = invited(name, role, "--confirm-at-once")

    /** Invites one device of a person, which waits until [confirm] gets its six digits. */
    fun invitationToCompare(name: String): String = invited(name, "delegate")

    /** Says that the six digits are those on the device's screen. */
    fun confirm(digits: String) = order("confirm", digits)

    /** Orders something of a device, such as `lock`. */
    fun order(vararg order: String) {
        run("device", *order)
    }

    /** Takes a person out of a meeting. */
    fun takeOut(name: String, meeting: String) {
        run("member", "remove", name, "--meeting", meeting)
    }

    private fun invited(name: String, role: String, vararg options: String): String {
        if (people.add(name)) run("person", "add", name, "--role", role)
        val json = run("invite", "--person", name, "--json", *options)
        return checkNotNull(Regex(""""invitation": *"([^"]+)"""").find(json)) { json }.groupValues[1]
    }

    /** Stops serving. Safe to repeat. */
    override fun close() {
        server?.destroy()
        server?.waitFor()
    }

    private fun run(vararg arguments: String): String {
        val process = start(*arguments)
        val printed = process.inputReader().readText()
        check(process.waitFor() == 0) { arguments.joinToString(" ") }
        return printed
    }

    private fun start(vararg arguments: String): Process =
        ProcessBuilder(program, *arguments, "--data", "$data")
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start()
}
