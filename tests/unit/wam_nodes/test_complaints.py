"""What nodes complain of, and for how long that counts."""

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus

from wam_nodes.complaints import Complaints


def report(name: str, text: str, level: bytes = DiagnosticStatus.WARN) -> DiagnosticArray:
    return DiagnosticArray(status=[DiagnosticStatus(level=level, name=name, message=text)])


def test_only_current_complaints_count() -> None:
    now = 0.0
    complaints = Complaints(lambda: now)
    assert complaints.text() == ''
    complaints.add(report('executor', 'no chunk'))
    now = 2.0
    complaints.add(report('camera_sync', 'no image yet'))
    complaints.add(report('camera_sync', 'stalled: cam_high', DiagnosticStatus.ERROR))
    complaints.add(report('recorder', 'ok', DiagnosticStatus.OK))
    assert complaints.text() == 'executor: no chunk; camera_sync: stalled: cam_high'
    complaints.add(report('executor', 'ok', DiagnosticStatus.OK))
    assert complaints.text() == 'camera_sync: stalled: cam_high'
    now = 5.5
    assert complaints.text() == ''
