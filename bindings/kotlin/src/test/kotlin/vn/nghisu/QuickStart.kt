package vn.nghisu

import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.onEach

suspend fun quickStart(folder: String, invitation: String) =
    withDevice(DeviceConfig(directory = folder, deviceName = "Máy bảng")) { device ->
        device.enrol(invitation)
        try {
            device.syncNow()
        } catch (error: NghisuException.Offline) {
            println(error.reason)
        }
        val meeting = device.meetings(Language.VIETNAMESE).first().id
        val programme = device.programme(meeting, Language.VIETNAMESE)
        programme.items.forEach { println("${it.number} ${it.title}") }
        device.changes()
            .onEach { change ->
                if (change is Change.Everything) device.createNote(NoteTarget(meeting), "Hỏi về kinh phí")
            }
            .first { it is Change.Note }
        println("changed: ${device.notes(meeting).first().text}")
    }
