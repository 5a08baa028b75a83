"""A recording that was made with other definitions of its messages, and has the same bytes."""

from collections.abc import Callable
from pathlib import Path

from mcap.writer import Writer

from wam_data.scan import Scanner

Definition = tuple[str, str, bytes]  # type, encoding, text


def with_definitions(path: Path, change: Callable[[str, str, bytes], Definition]) -> None:
    """Writes a recording again. change: from a definition to another one."""
    target = path.with_name('changed.mcap')
    with target.open('wb') as stream:
        writer = Writer(stream)
        writer.start('ros2', 'test')
        channels: dict[int, int] = {}
        for schema, channel, message in Scanner(path).messages():
            if channel.id not in channels:
                changed = change(schema.name, schema.encoding, schema.data)
                number = writer.register_schema(*changed)
                channels[channel.id] = writer.register_channel(channel.topic, 'cdr', number)
            times = (message.log_time, message.data, message.publish_time)
            writer.add_message(channels[channel.id], *times)
        writer.finish()
    target.replace(path)
