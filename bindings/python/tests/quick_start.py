import asyncio
import sys
from contextlib import aclosing

from nghisu import DeviceConfig, Language, NghisuError, NoteTarget
from nghisu_device import changes, opened


async def main(folder: str, invitation: str) -> None:
    async with opened(DeviceConfig(directory=folder, device_name="Máy bảng")) as device:
        await device.enrol(invitation)
        try:
            await device.sync_now()
        except NghisuError.Offline as error:
            print(error.reason)
        meeting = (await device.meetings(Language.VIETNAMESE))[0].id
        programme = await device.programme(meeting, Language.VIETNAMESE)
        for item in programme.items:
            print(item.number, item.title)
        async with aclosing(changes(device)) as heard:
            async for change in heard:
                if change.is_EVERYTHING():
                    await device.create_note(NoteTarget(meeting=meeting), "Hỏi về kinh phí")
                elif change.is_NOTE():
                    print("changed:", (await device.notes(meeting))[0].text)
                    break


asyncio.run(main(*sys.argv[1:]))
