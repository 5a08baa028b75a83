from setuptools import find_packages, setup

setup(
    name='message_filters',
    version='0.1.0',
    packages=find_packages(),
    package_data={'message_filters': ['py.typed']},
    data_files=[
        ('share/ament_index/resource_index/packages', ['resource/message_filters']),
        ('share/message_filters', ['package.xml']),
    ],
    zip_safe=False,
    maintainer='ALOHA-WAM developers',
    maintainer_email='maintainers@aloha-wam.org',
    description='Stand-in: the part of message_filters that ALOHA-WAM imports.',
    license='Apache-2.0',
    extras_require={'test': ['pytest']},
)
