"""Arguments of ``wam bench policy``; its figures are tested in wam_policy."""

import pytest

from wam_cli.main import main


@pytest.mark.parametrize('argument', ['--calls', '--eager-calls'])
@pytest.mark.parametrize('number', ['0', '-3', 'many'])
def test_a_number_of_calls_is_at_least_one(
    argument: str, number: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(['bench', 'policy', argument, number])
    assert ended.value.code == 2
    assert f'argument {argument}: {number}, allowed whole' in capsys.readouterr().err
