package vn.nghisu

/**
 * A note on a screen, while other devices of its owner write it too.
 *
 * It holds the [text] and the selection that the screen shows, and is called from the screen's thread alone:
 * [replace] for each keystroke, [look] whenever [Change.Note] names the note. What comes from elsewhere is
 * shown between keystrokes, and the selection stays behind the letter that it stood behind.
 */
public class NoteScreen internal constructor(private val editor: NoteEditor, text: String) : AutoCloseable {
    /** What the screen shows. */
    public var text: String = text
        private set

    /** Where the selection begins. Set it when the cursor moves. */
    public var selectionStart: Int = text.length

    /** Where the selection ends: at its start, if it is a cursor. */
    public var selectionEnd: Int = text.length

    /** Calls that write. */
    private var typed = 0uL

    /**
     * Puts [by] in the place of what stands from [start] to [end], and the cursor behind it. The screen shows it
     * at once; it is on disk when this returns, and written although its coroutine is cancelled.
     *
     * After an error the screen shows more than is written, and every later call fails until [rewrite].
     */
    public suspend fun replace(start: Int, end: Int, by: String): Note {
        text = text.replaceRange(start, end, by)
        selectionStart = start + by.length
        selectionEnd = selectionStart
        typed++
        return editor.typeIn(listOf(Splice(start.toUInt(), (end - start).toUInt(), by)))
    }

    /** Writes all that the screen shows, after an error. */
    public suspend fun rewrite(): Note {
        typed++
        return editor.typeText(text)
    }

    /** Shows what has come from other devices. Returns whether anything changed on the screen. */
    public suspend fun look(): Boolean {
        val came = editor.came()
        // Something was typed meanwhile: the change that tells of it asks again.
        if (came.typed != typed) return false
        for (splice in came.splices) {
            val start = splice.positionUtf16.toInt()
            text = text.replaceRange(start, start + splice.deleteUtf16.toInt(), splice.insert)
        }
        selectionStart = movedPosition(selectionStart.toUInt(), came.splices).toInt()
        selectionEnd = movedPosition(selectionEnd.toUInt(), came.splices).toInt()
        editor.take(came.id)
        return came.splices.isNotEmpty()
    }

    /** Frees it. What was typed is written all the same. */
    override fun close(): Unit = editor.close()
}

/** Opens a [note] on a screen. */
public suspend fun Device.openScreen(note: String): NoteScreen = openEditor(note).let { NoteScreen(it, it.text()) }
