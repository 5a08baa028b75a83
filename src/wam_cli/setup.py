from setuptools import find_packages, setup

setup(
    name='wam_cli',
    version='0.1.0',
    packages=find_packages(),
    package_data={'wam_cli': ['py.typed']},
    data_files=[
        ('share/ament_index/resource_index/packages', ['resource/wam_cli']),
        ('share/wam_cli', ['package.xml']),
    ],
    zip_safe=False,
    maintainer='ALOHA-WAM developers',
    maintainer_email='maintainers@aloha-wam.org',
    description='The wam command of ALOHA-WAM.',
    license='Apache-2.0',
    extras_require={'test': ['pytest']},
    entry_points={
        'console_scripts': [
            'wam = wam_cli.main:main',
        ],
    },
)
