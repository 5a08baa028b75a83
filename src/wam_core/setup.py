from setuptools import find_packages, setup

setup(
    name='wam_core',
    version='0.1.0',
    packages=find_packages(),
    package_data={'wam_core': ['py.typed']},
    data_files=[
        ('share/ament_index/resource_index/packages', ['resource/wam_core']),
        ('share/wam_core', ['package.xml']),
    ],
    zip_safe=False,
    maintainer='ALOHA-WAM developers',
    maintainer_email='maintainers@aloha-wam.org',
    description='Pure core of ALOHA-WAM: matching frames, the chunk timeline, limits, kinematics.',
    license='Apache-2.0',
    extras_require={'test': ['pytest']},
)
