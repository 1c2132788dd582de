package org.example

import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.onEach
import vn.nghisu.*

/** In an activity: `lifecycleScope.launch { quickStart(filesDir.path, invitation) }`. */
suspend fun quickStart(folder: String, invitation: String) =
    withDevice(DeviceConfig(directory = "$folder/nghisu", deviceName = "Máy bảng")) { device ->
        device.enrol(invitation)
        try {
            device.syncNow()
        } catch (error: NghisuException.Offline) {
            println(error.text(Language.VIETNAMESE))
        }
        val meeting = device.meetings(Language.VIETNAMESE).first().id
        val programme = device.programme(meeting, Language.VIETNAMESE)
        programme.items.forEach { println("${it.number} ${it.title}") }
        // What is there now, and again after each change: what a screen collects.
        val notes = device.notesFlow(meeting)
            .onEach { if (it.isEmpty()) device.createNote(NoteTarget(meeting), "Hỏi về kinh phí") }
            .first { it.isNotEmpty() }
        println("changed: ${notes.first().text}")
    }
