from setuptools import find_packages, setup

setup(
    name='wam_policy',
    version='0.1.0',
    packages=find_packages(),
    package_data={'wam_policy': ['py.typed']},
    data_files=[
        ('share/ament_index/resource_index/packages', ['resource/wam_policy']),
        ('share/wam_policy', ['package.xml']),
    ],
    zip_safe=False,
    maintainer='ALOHA-WAM developers',
    maintainer_email='maintainers@aloha-wam.org',
    description='The policy interface of ALOHA-WAM and the policies behind it.',
    license='Apache-2.0',
    extras_require={'test': ['pytest']},
    entry_points={
        'wam.policies': [
            'hold = wam_policy.hold:HoldPolicy',
            'cosmos = wam_policy.cosmos.policy:CosmosPolicy',
            'cosmos_http = wam_policy.remote.cosmos_http:CosmosHttpPolicy',
            'openpi = wam_policy.remote.openpi:OpenpiPolicy',
        ],
    },
)
