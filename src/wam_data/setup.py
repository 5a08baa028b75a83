from setuptools import find_packages, setup

setup(
    name='wam_data',
    version='0.1.0',
    packages=find_packages(),
    package_data={'wam_data': ['py.typed']},
    data_files=[
        ('share/ament_index/resource_index/packages', ['resource/wam_data']),
        ('share/wam_data', ['package.xml']),
    ],
    zip_safe=False,
    maintainer='ALOHA-WAM developers',
    maintainer_email='maintainers@aloha-wam.org',
    description='Episodes of ALOHA-WAM: read, write, verify, recover, export.',
    license='Apache-2.0',
    extras_require={'test': ['pytest']},
    entry_points={
        'wam.policies': [
            'replay = wam_data.replay_policy:ReplayPolicy',
        ],
    },
)
