from setuptools import find_packages, setup

setup(
    name='cv_bridge',
    version='0.1.0',
    packages=find_packages(),
    package_data={'cv_bridge': ['py.typed']},
    data_files=[
        ('share/ament_index/resource_index/packages', ['resource/cv_bridge']),
        ('share/cv_bridge', ['package.xml']),
    ],
    zip_safe=False,
    maintainer='ALOHA-WAM developers',
    maintainer_email='maintainers@aloha-wam.org',
    description='Stand-in: the part of cv_bridge that ALOHA-WAM imports.',
    license='Apache-2.0',
    extras_require={'test': ['pytest']},
)
