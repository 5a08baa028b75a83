from setuptools import find_packages, setup

setup(
    name='wam_nodes',
    version='0.1.0',
    packages=find_packages(),
    package_data={'wam_nodes': ['py.typed']},
    data_files=[
        ('share/ament_index/resource_index/packages', ['resource/wam_nodes']),
        ('share/wam_nodes', ['package.xml']),
    ],
    zip_safe=False,
    maintainer='ALOHA-WAM developers',
    maintainer_email='maintainers@aloha-wam.org',
    description='The nodes of ALOHA-WAM, one file for each box of the data flow.',
    license='Apache-2.0',
    extras_require={'test': ['pytest']},
    entry_points={
        'console_scripts': [
            'camera_sync = wam_nodes.camera_sync:main',
            'proprioception = wam_nodes.proprioception:main',
            'policy = wam_nodes.policy:main',
            'arms = wam_nodes.arms:main',
            'executor = wam_nodes.executor:main',
            'recorder = wam_nodes.recorder:main',
            'rollout = wam_nodes.rollout:main',
            'teleop = wam_nodes.teleop:main',
            'demonstration = wam_nodes.demonstration:main',
        ],
    },
)
