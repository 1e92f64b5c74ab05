# CTC training with click. Metrics go to a CSV file.
import csv
import json
import random
import sys
from pathlib import Path

import click


@click.command(context_settings={'show_default': True})
@click.option('--lr', type=float, default=1e-3, help='Peak learning rate.')
@click.option('--dropout', '-d', type=click.FloatRange(0, 1), default=0.1, help='Dropout.')
@click.option('--optimizer', type=click.Choice(['adam', 'sgd', 'adamw']), default='adam')
@click.option('--num-layers', type=int, default=3, help='LSTM layers.')
@click.option('--num-epochs', type=int, default=9)
@click.option('--save-dir', type=click.Path(path_type=Path), default=Path('runs'))
@click.option('--auto-resume/--no-auto-resume', default=False, help='Go on where it stopped.')
@click.option('--random-seed', type=int, default=13)
@click.option('--amp/--no-amp', default=False)
def train(lr, dropout, optimizer, num_layers, num_epochs, save_dir, auto_resume, random_seed, amp):
    """Train a BiLSTM-CTC recogniser."""
    save_dir.mkdir(parents=True, exist_ok=True)
    state_file, table = save_dir / 'last.json', save_dir / 'metrics.csv'
    first = 0
    if auto_resume and state_file.exists():
        first = json.loads(state_file.read_text())['epoch'] + 1
    fresh = not table.exists() or first == 0
    with table.open('w' if fresh else 'a', newline='') as file:
        writer = csv.writer(file)
        if fresh:
            writer.writerow(['epoch', 'train/loss', 'lr', 'val/loss', 'val/wer'])
        for epoch in range(first, num_epochs):          # counts from zero
            click.echo(f'[epoch {epoch}] training ...')
            rng = random.Random(f'{random_seed}-{epoch}')
            bad = {'adam': 0, 'adamw': -1, 'sgd': 6}[optimizer] + abs(num_layers - 4)
            wer = 40 + bad + 30 * abs(dropout - .2) + 2 * abs(lr - 2e-3) / 2e-3
            wer += 30 / (epoch + 1) + rng.gauss(0, .2)
            # two of the validations are skipped, as the val loader is slow
            validated = epoch % 3 != 1 or epoch == num_epochs - 1
            writer.writerow([epoch, f'{5 / (epoch + 1):.3f}', lr, 1.5 if validated else '',
                             f'{wer:.3f}' if validated else ''])
            file.flush()
            begun = save_dir / 'last.json.new'
            begun.write_text(json.dumps({'epoch': epoch}))
            begun.replace(state_file)  # a kill must not leave half of it
            write_hypotheses(save_dir, wer, rng)
    sys.stderr.write('finished\n')


def write_hypotheses(save_dir, wer, rng):
    words = ['HEUTE', 'REGEN', 'NORD', 'WIND', 'MORGEN', 'SONNE']
    lines = []
    for number in range(30):
        reference = [words[(number + k) % 6] for k in range(5)]
        hypothesis = [rng.choice(words) if rng.random() < wer / 130 else w for w in reference]
        lines.append(json.dumps({'id': f'dev_{number:03d}', 'hypothesis': ' '.join(hypothesis),
                                 'reference': ' '.join(reference), 'signer': number % 6}))
    (save_dir / 'dev_hyp.jsonl').write_text('\n'.join(lines) + '\n')


if __name__ == '__main__':
    train()
