from setuptools import find_packages, setup

setup(
    name='interbotix_xs_modules',
    version='0.1.0',
    packages=find_packages(),
    package_data={'interbotix_xs_modules': ['py.typed']},
    data_files=[
        ('share/ament_index/resource_index/packages', ['resource/interbotix_xs_modules']),
        ('share/interbotix_xs_modules', ['package.xml']),
    ],
    zip_safe=False,
    maintainer='ALOHA-WAM developers',
    maintainer_email='maintainers@aloha-wam.org',
    description='Stand-in: the part of interbotix_xs_modules that ALOHA-WAM imports.',
    license='Apache-2.0',
    extras_require={'test': ['pytest']},
)
