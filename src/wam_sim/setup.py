from setuptools import find_packages, setup

setup(
    name='wam_sim',
    version='0.1.0',
    packages=find_packages(),
    package_data={'wam_sim': ['py.typed']},
    data_files=[
        ('share/ament_index/resource_index/packages', ['resource/wam_sim']),
        ('share/wam_sim', ['package.xml']),
    ],
    zip_safe=False,
    maintainer='ALOHA-WAM developers',
    maintainer_email='maintainers@aloha-wam.org',
    description='A simulated ALOHA rig on MuJoCo, with the topics and services of the real one.',
    license='Apache-2.0',
    extras_require={'test': ['pytest']},
    entry_points={
        'console_scripts': [
            'sim = wam_sim.nodes.sim:main',
            'person = wam_sim.nodes.person:main',
        ],
        'wam.policies': [
            'scripted = wam_sim.expert.policy:ScriptedPolicy',
        ],
    },
)
