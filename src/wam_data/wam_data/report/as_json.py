"""A report for programs."""

from dataclasses import asdict, replace

import numpy as np

from wam_core.joints import JOINT_NAMES
from wam_data.index import read_row
from wam_data.report.content import Content


def as_json(content: Content) -> dict[str, object]:
    """All but the pictures and the curves themselves. Times: s since the start."""
    mean, largest = content.errors()
    values = content.measured.values
    joints = {
        name: {
            'least': _number(np.min(values[:, column], initial=np.inf)),
            'most': _number(np.max(values[:, column], initial=-np.inf)),
            'error_rms': _number(mean[column]),
            'error_max': _number(largest[column]),
        }
        for column, name in enumerate(JOINT_NAMES)
    }
    return {
        'episode': str(content.episode),
        'summary': asdict(replace(read_row(content.episode), path=str(content.episode))),
        'verification': content.verification.as_json(),
        'sources': [asdict(span) for span in content.sources],
        'states': [asdict(span) for span in content.states],
        'interventions': [asdict(span) for span in content.interventions],
        'events': [asdict(event) for event in content.events],
        'chunks': [asdict(chunk) for chunk in content.chunks],
        'underruns': content.underruns,
        'camera_spread_ms': content.spread_ms,
        'joints': joints,
        'topics': {name: asdict(topic) for name, topic in content.manifest.topics.items()},
    }


def _number(value: float) -> float | None:
    """JSON has no infinity and no NaN."""
    return float(value) if np.isfinite(value) else None
